import type { HeapProfiler, Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Profile } from 'pprof-format'
import { PprofBuilder, type Frame } from './pprof-builder.ts'

/** `cpu`: where time went. `heap`: where memory was allocated while it was taken, collected since or not. */
export type ProfileKind = 'cpu' | 'heap'

/** The longest profile that is taken. */
export const PROFILE_SECONDS_MAX = 60

/** A profile is being taken on this thread already; V8 has one sampler. */
export class ProfileBusy extends Error {
  override readonly name = 'ProfileBusy'
}

const CPU_INTERVAL_MICROS = 1000

/** Mean distance of sampled allocations; the default of V8, and of Go. */
const HEAP_INTERVAL_BYTES = 512 * 1024

const compress = promisify(gzip)

/** Takes profiles of the thread it is used on, in the gzipped pprof format that `go tool pprof` and Pyroscope read. */
export class ThreadProfiler {
  #busy = false

  /** Profiles for `seconds`. Rejects with ProfileBusy while another is taken, and with RangeError for a length out of bounds. */
  async take(kind: ProfileKind, seconds: number): Promise<Uint8Array> {
    if (!(seconds > 0 && seconds <= PROFILE_SECONDS_MAX)) {
      throw new RangeError(`Cannot profile for "${seconds}" seconds: wanted more than 0 and at most ${PROFILE_SECONDS_MAX}`)
    }
    if (this.#busy) throw new ProfileBusy('Cannot take a profile: another one is being taken')
    this.#busy = true
    const session = new Session()
    session.connect()
    try {
      const startedAtMs = Date.now()
      const profile = kind === 'cpu' ? cpuToPprof(await recordCpu(session, seconds)) : heapToPprof(await recordHeap(session, seconds))
      profile.timeNanos = BigInt(startedAtMs) * 1_000_000n
      profile.durationNanos = BigInt(Math.round(seconds * 1e9))
      return await compress(profile.encode())
    } finally {
      session.disconnect()
      this.#busy = false
    }
  }
}

async function recordCpu(session: Session, seconds: number): Promise<Profiler.Profile> {
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_MICROS })
  await session.post('Profiler.start')
  await elapse(seconds)
  const { profile } = await session.post('Profiler.stop')
  return profile
}

async function recordHeap(session: Session, seconds: number): Promise<HeapProfiler.SamplingHeapProfile> {
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: HEAP_INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  await elapse(seconds)
  const { profile } = await session.post('HeapProfiler.stopSampling')
  return profile
}

/** Not unreferenced: whoever asked for the profile waits for it. */
async function elapse(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/** V8's own frames that are no code: the root of all stacks, and waiting for something to do. */
const NO_WORK: ReadonlySet<string> = new Set(['(root)', '(idle)'])

/** Samples last until the next one; idle time is left out, garbage collection and native code are kept. */
export function cpuToPprof(profile: Profiler.Profile): Profile {
  const parents = new Map<number, number>()
  const frames = new Map<number, Frame>()
  for (const node of profile.nodes) {
    frames.set(node.id, node.callFrame)
    for (const child of node.children ?? []) parents.set(child, node.id)
  }
  const selves = new Map<number, { samples: number; micros: number }>()
  const samples = profile.samples ?? []
  for (const [i, node] of samples.entries()) {
    const self = selves.get(node) ?? { samples: 0, micros: 0 }
    self.samples += 1
    self.micros += Math.max(0, profile.timeDeltas?.[i + 1] ?? CPU_INTERVAL_MICROS)
    selves.set(node, self)
  }
  const builder = new PprofBuilder()
  for (const [node, self] of selves) {
    const stack: Frame[] = []
    for (let at: number | undefined = node; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at)
      if (frame !== undefined && !NO_WORK.has(frame.functionName)) stack.push(frame)
    }
    if (stack.length > 0) builder.add(stack, [self.samples, self.micros * 1000])
  }
  const cpu = { type: 'cpu', unit: 'nanoseconds' }
  return builder.build([{ type: 'samples', unit: 'count' }, cpu], { type: cpu, value: CPU_INTERVAL_MICROS * 1000 })
}

/** Bytes are V8's estimate of everything allocated, scaled up from the sampled objects. */
export function heapToPprof(profile: HeapProfiler.SamplingHeapProfile): Profile {
  const builder = new PprofBuilder()
  const open: { node: HeapProfiler.SamplingHeapProfileNode; above: readonly Frame[] }[] = [{ node: profile.head, above: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, above } = next
    const stack = NO_WORK.has(node.callFrame.functionName) ? above : [node.callFrame, ...above]
    if (node.selfSize > 0 && stack.length > 0) builder.add(stack, [node.selfSize])
    for (const child of node.children) open.push({ node: child, above: stack })
  }
  const space = { type: 'alloc_space', unit: 'bytes' }
  return builder.build([space], { type: { type: 'space', unit: 'bytes' }, value: HEAP_INTERVAL_BYTES })
}

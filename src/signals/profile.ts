import type { HeapProfiler, Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'

/** `cpu`: where time went. `heap`: where memory was allocated while it was taken, collected since or not. */
export type ProfileKind = 'cpu' | 'heap'

/** A place in the program, as V8's profilers name it; lines count from 0. */
export interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** What was spent at the end of one chain of calls. */
export interface ProfiledStack {
  /** The innermost first. */
  readonly frames: readonly Frame[]
  /** `cpu`: samples, nanoseconds. `heap`: bytes. */
  readonly values: readonly number[]
}

/** The profile of one thread, as plain values: threads hand it to each other. */
export interface ThreadProfile {
  readonly kind: ProfileKind
  readonly startedAtMs: number
  readonly seconds: number
  /** The distance of samples, in the last unit of the values. */
  readonly period: number
  readonly stacks: readonly ProfiledStack[]
}

/** The longest profile that is taken. */
export const PROFILE_SECONDS_MAX = 60

/** A profile is being taken on this thread already; V8 has one sampler. */
export class ProfileBusy extends Error {
  override readonly name = 'ProfileBusy'
}

const CPU_INTERVAL_MICROS = 1000

/** Mean distance of sampled allocations; the default of V8, and of Go. */
const HEAP_INTERVAL_BYTES = 512 * 1024

/** Takes profiles of the thread it is used on. */
export class ThreadProfiler {
  #busy = false

  /** Profiles for `seconds`. Rejects with ProfileBusy while another is taken, and with RangeError for a length out of bounds. */
  async take(kind: ProfileKind, seconds: number): Promise<ThreadProfile> {
    if (!(seconds > 0 && seconds <= PROFILE_SECONDS_MAX)) {
      throw new RangeError(`Cannot profile for "${seconds}" seconds: wanted more than 0 and at most ${PROFILE_SECONDS_MAX}`)
    }
    if (this.#busy) throw new ProfileBusy('Cannot take a profile: another one is being taken')
    this.#busy = true
    const session = new Session()
    session.connect()
    try {
      const startedAtMs = Date.now()
      const stacks = kind === 'cpu' ? cpuStacks(await recordCpu(session, seconds)) : heapStacks(await recordHeap(session, seconds))
      return { kind, startedAtMs, seconds, period: kind === 'cpu' ? CPU_INTERVAL_MICROS * 1000 : HEAP_INTERVAL_BYTES, stacks }
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
export function cpuStacks(profile: Profiler.Profile): ProfiledStack[] {
  const parents = new Map<number, number>()
  const frames = new Map<number, Frame>()
  for (const node of profile.nodes) {
    frames.set(node.id, frameOf(node.callFrame))
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
  const stacks: ProfiledStack[] = []
  for (const [node, self] of selves) {
    const stack: Frame[] = []
    for (let at: number | undefined = node; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at)
      if (frame !== undefined && !NO_WORK.has(frame.functionName)) stack.push(frame)
    }
    if (stack.length > 0) stacks.push({ frames: stack, values: [self.samples, self.micros * 1000] })
  }
  return stacks
}

/** Bytes are V8's estimate of everything allocated, scaled up from the sampled objects. */
export function heapStacks(profile: HeapProfiler.SamplingHeapProfile): ProfiledStack[] {
  const stacks: ProfiledStack[] = []
  const open: { node: HeapProfiler.SamplingHeapProfileNode; above: readonly Frame[] }[] = [{ node: profile.head, above: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, above } = next
    const frames = NO_WORK.has(node.callFrame.functionName) ? above : [frameOf(node.callFrame), ...above]
    if (node.selfSize > 0 && frames.length > 0) stacks.push({ frames, values: [node.selfSize] })
    for (const child of node.children) open.push({ node: child, above: frames })
  }
  return stacks
}

function frameOf({ functionName, url, lineNumber }: Frame): Frame {
  return { functionName, url, lineNumber }
}

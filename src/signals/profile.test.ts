import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { encodeProfile } from './encode-profile.ts'
import { cpuStacks, heapStacks, PROFILE_SECONDS_MAX, ProfileBusy, ThreadProfiler, type ThreadProfile } from './profile.ts'

/** Values by the name of the innermost function, for each sample type. */
function flat(profile: Profile): { types: string[]; values: Map<string, number[]> } {
  const text = (index: number | bigint): string => profile.stringTable.strings[Number(index)] ?? ''
  const functions = new Map(profile.function.map((one) => [Number(one.id), text(one.name)]))
  const locations = new Map(profile.location.map((one) => [Number(one.id), functions.get(Number(one.line[0]?.functionId)) ?? '']))
  const values = new Map<string, number[]>()
  for (const sample of profile.sample) {
    const name = locations.get(Number(sample.locationId[0])) ?? ''
    values.set(
      name,
      sample.value.map((value, i) => Number(value) + (values.get(name)?.[i] ?? 0)),
    )
  }
  return { types: profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`), values }
}

function decode(bytes: Uint8Array): Profile {
  return Profile.decode(gunzipSync(bytes))
}

const TAKEN = { kind: 'cpu', startedAtMs: 1000, seconds: 2, period: 1, stacks: [] } as const satisfies ThreadProfile

const frame = (
  functionName: string,
  lineNumber = 0,
): { functionName: string; scriptId: string; url: string; lineNumber: number; columnNumber: number } => ({
  functionName,
  scriptId: '1',
  url: 'file:///a%20b/c.ts',
  lineNumber,
  columnNumber: 0,
})

test('cpuStacks() gives time to the innermost frame until the next sample, and leaves idle time out', async () => {
  const stacks = cpuStacks({
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 4, 5] },
      { id: 2, callFrame: frame('outer'), children: [3] },
      { id: 3, callFrame: frame('inner', 41) },
      { id: 4, callFrame: frame('(idle)') },
      { id: 5, callFrame: frame('(garbage collector)') },
    ],
    startTime: 0,
    endTime: 10_000,
    samples: [3, 3, 4, 2, 5],
    timeDeltas: [100, 1000, 1200, 5000, 900],
  })
  const profile = decode(await encodeProfile('cpu', [{ name: 'data-0', profile: { ...TAKEN, stacks } }]))
  const { types, values } = flat(profile)
  assert.deepEqual(types, ['samples/count', 'cpu/nanoseconds'])
  assert.deepEqual(Object.fromEntries(values), {
    inner: [2, 2_200_000],
    outer: [1, 900_000],
    '(garbage collector)': [1, 1_000_000],
  })
  assert.ok(profile.stringTable.strings.includes('/a b/c.ts'))
  assert.equal(Number(profile.location[0]?.line[0]?.line), 42)
})

test('heapStacks() gives bytes to the innermost frame', async () => {
  const leaf = { callFrame: frame('leaf'), selfSize: 300, children: [], id: 3 }
  const head = {
    callFrame: frame('(root)'),
    selfSize: 0,
    id: 1,
    children: [{ callFrame: frame('mid'), selfSize: 50, id: 2, children: [leaf] }],
  }
  const { types, values } = flat(
    decode(await encodeProfile('heap', [{ name: 'data-0', profile: { ...TAKEN, kind: 'heap', stacks: heapStacks({ head }) } }])),
  )
  assert.deepEqual(types, ['alloc_space/bytes'])
  assert.deepEqual(Object.fromEntries(values), { mid: [50], leaf: [300] })
})

test('take() profiles the thread that it is called on, also a worker', async () => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    function busyInWorker() { let s = 0; for (let i = 0; i < 2e6; i++) s += Math.sqrt(i); return s }
    function hungryInWorker() { const kept = []; for (let i = 0; i < 2e5; i++) kept.push({ i, more: [i] }); return kept }
    import(workerData).then(async ({ ThreadProfiler }) => {
      const profiler = new ThreadProfiler()
      const load = setInterval(() => { busyInWorker(); hungryInWorker() }, 1)
      const cpu = await profiler.take('cpu', 0.4)
      const heap = await profiler.take('heap', 0.4)
      clearInterval(load)
      parentPort.postMessage({ cpu, heap })
    })`
  const worker = new Worker(source, { eval: true, workerData: new URL('./profile.ts', import.meta.url).href })
  const message = Promise.withResolvers<{ cpu: ThreadProfile; heap: ThreadProfile }>()
  worker.once('message', message.resolve)
  worker.once('error', message.reject)
  const { cpu, heap } = await message.promise
  await worker.terminate()
  const cpuProfile = decode(await encodeProfile('cpu', [{ name: 'worker', profile: cpu }]))
  assert.ok((flat(cpuProfile).values.get('busyInWorker')?.[1] ?? 0) > 1e6)
  assert.equal(Number(cpuProfile.durationNanos), 4e8)
  assert.ok(Math.abs(Number(cpuProfile.timeNanos) / 1e6 - Date.now()) < 60_000)
  assert.ok((flat(decode(await encodeProfile('heap', [{ name: 'worker', profile: heap }]))).values.get('hungryInWorker')?.[0] ?? 0) > 1e6)
})

test('take() is one at a time, bounded, and can be used again after a refusal', async () => {
  const profiler = new ThreadProfiler()
  const first = profiler.take('cpu', 0.05)
  await assert.rejects(profiler.take('heap', 0.05), ProfileBusy)
  for (const seconds of [0, -1, NaN, PROFILE_SECONDS_MAX + 1, Infinity]) await assert.rejects(profiler.take('cpu', seconds), RangeError)
  assert.equal((await first).kind, 'cpu')
  assert.equal((await profiler.take('heap', 0.01)).kind, 'heap')
})

test('encodeProfile() puts threads into one profile and labels every sample with its thread', async () => {
  const stacks = [{ frames: [frame('work')], values: [7] }]
  const taken = { ...TAKEN, kind: 'heap', stacks } as const
  const merged = decode(
    await encodeProfile('heap', [
      { name: 'data-0', profile: taken },
      { name: 'data-1', profile: taken },
    ]),
  )
  const text = (index: number | bigint | undefined): string => merged.stringTable.strings[Number(index)] ?? ''
  assert.deepEqual(
    merged.sample.map(({ label }) => label.map(({ key, str }) => [text(key), text(str)])),
    [[['thread', 'data-0']], [['thread', 'data-1']]],
  )
  assert.equal(merged.function.length, 1)
  assert.equal(Number(merged.durationNanos), 2e9)
})

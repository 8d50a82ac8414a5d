import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Agent, request } from 'undici'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin, patternBytes } from '../support/memory-origin.ts'
import { endThread } from '../support/end-thread.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** More than enough that both workers have some of them. */
const CONNECTIONS = 24

const origin = new MemoryOrigin()
const agents = Array.from({ length: CONNECTIONS }, () => new Agent({ connections: 1, keepAliveTimeout: 600_000 }))
let originUrl: string
let hotbucket: HotbucketProcess

const ARGS = ['--anonymous', '--memory', '64MiB', '--mode', 'immutable', '--workers', '2']

before(async () => {
  originUrl = await origin.start()
  hotbucket = await startHotbucket(['--origin', originUrl, ...ARGS])
})

after(async () => {
  await Promise.all(agents.map(async (agent) => agent.close()))
  assert.equal(await hotbucket.stop(), 0)
  await origin.stop()
})

/** Reads over every connection at once. */
async function readOverEach(path: string, from: HotbucketProcess = hotbucket): Promise<Buffer[]> {
  return Promise.all(
    agents.map(async (dispatcher) => {
      const response = await request(`${from.endpoint}${path}`, { dispatcher })
      return Buffer.from(await response.body.arrayBuffer())
    }),
  )
}

async function metric(name: string): Promise<number> {
  const response = await request(`${hotbucket.admin}/metrics`)
  let sum = 0
  for (const line of (await response.body.text()).split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

/** How many requests each thread has logged. */
function requestsByThread(output: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [, thread = ''] of output.matchAll(/"thread":"(data-\d)","requestId"/g)) counts.set(thread, (counts.get(thread) ?? 0) + 1)
  return counts
}

test('many readers of small and of large cold objects over both workers cost the origin each object once', async () => {
  const sizes = [1, 70 * KIB, MIB, 3 * MIB + 17]
  for (const [i, sizeBytes] of [...sizes, ...sizes].entries()) {
    const path = `/cold/${i}`
    const version = origin.putPattern(path, sizeBytes)
    const sentBefore = origin.sentBytes()
    const expected = Buffer.from(patternBytes(version, 0, sizeBytes))
    for (const bytes of await readOverEach(path)) assert.equal(bytes.compare(expected), 0, `${path} of ${sizeBytes} bytes`)
    assert.equal(origin.sentBytes() - sentBefore, sizeBytes, `${path}: each byte left the origin once`)
    for (const bytes of await readOverEach(path)) assert.equal(bytes.compare(expected), 0)
    assert.equal(origin.sentBytes() - sentBefore, sizeBytes, `${path}: a hit on every worker`)
  }
})

test('what was written over one connection is read over all others, in immutable mode too', async () => {
  for (let round = 0; round < 40; round++) {
    const body = Buffer.alloc(round % 4 === 3 ? 2 * MIB : 100, `round ${round} `)
    const path = `/written/${round % 5}`
    const written = await request(`${hotbucket.endpoint}${path}`, { method: 'PUT', body, dispatcher: agents[round % CONNECTIONS] as Agent })
    await written.body.dump()
    assert.equal(written.statusCode, 200)
    for (const bytes of await readOverEach(path)) assert.equal(bytes.compare(body), 0, `round ${round}`)
  }
})

test('connections are spread over the workers, and metrics are sums over all of them', async () => {
  const counts = requestsByThread(hotbucket.output())
  assert.deepEqual([...counts.keys()].toSorted(), ['data-0', 'data-1'])
  for (const [thread, count] of counts) assert.ok(count > 20, `${thread} served ${count} requests`)
  const before = await metric('hotbucket_requests_total')
  await readOverEach('/written/0')
  assert.equal((await metric('hotbucket_requests_total')) - before, CONNECTIONS)
  await eventually(async () => (await metric('hotbucket_cache_entries')) > 0)
  assert.equal(await metric('hotbucket_cache_memory_bytes'), 64 * MIB)
  assert.equal(await metric('hotbucket_http_connections'), CONNECTIONS)
})

test('what a miss cost the origin is in its log line, whichever worker asked for it', async () => {
  for (let i = 0; i < 20; i++) origin.putPattern(`/cost/${i}`, 1000)
  for (let i = 0; i < 20; i++) {
    await (await request(`${hotbucket.endpoint}/cost/${i}`, { dispatcher: agents[i] as Agent })).body.dump()
  }
  const lines = (): string[] =>
    hotbucket
      .output()
      .split('\n')
      .filter((line) => line.includes('"bucket":"cost"'))
  await eventually(async () => lines().length === 20)
  for (const line of lines()) assert.match(line, /"originRequests":1,.*"originTtfbMs":[\d.]+/)
})

test('a profile has samples of both workers', async () => {
  const response = await request(`${hotbucket.admin}/debug/pprof/profile?seconds=1`)
  assert.equal(response.statusCode, 200)
  assert.ok((await response.body.arrayBuffer()).byteLength > 100)
})

test('a drain lets reads end that stream what another worker fetches', async () => {
  const second = await startHotbucket(['--origin', originUrl, ...ARGS])
  const versions = Array.from({ length: 4 }, (_, i) => origin.putPattern(`/drain/${i}`, 6 * MIB))
  const gate = Promise.withResolvers<void>()
  origin.beforePiece = async (seen) => {
    if (seen.path.startsWith('/drain/') && seen.sentBytes >= MIB) await gate.promise
  }
  const responses = await Promise.all(
    agents.map(async (dispatcher, i) => ({ i: i % 4, response: await request(`${second.endpoint}/drain/${i % 4}`, { dispatcher }) })),
  )
  const code = second.stop()
  await eventually(async () => second.output().includes('"msg":"draining"'))
  gate.resolve()
  for (const { i, response } of responses) {
    const bytes = Buffer.from(await response.body.arrayBuffer())
    assert.equal(bytes.compare(Buffer.from(patternBytes(versions[i] ?? 0, 0, 6 * MIB))), 0)
  }
  assert.equal(await code, 0)
  assert.match(second.output(), /"msg":"stopped"\}\s*$/)
})

for (const [how, expression, failure] of [
  ['throws', `setImmediate(() => { throw new Error('broken by a test') })`, 'data-1: broken by a test'],
  ['ends', 'process.exit(7)', 'data-1: the thread ended with code 7'],
] as const) {
  test(`a worker that ${how} takes the process down: exit code 1, and the last line says why`, async () => {
    const second = await startHotbucket(['--origin', originUrl, ...ARGS], {}, ['--inspect=127.0.0.1:0'])
    origin.putPattern('/death/1', 1000)
    await readOverEach('/death/1', second)
    await endThread(second.output(), 'data-1', expression)
    assert.equal(await second.ended, 1)
    const last =
      second
        .output()
        .trimEnd()
        .split('\n')
        .findLast((line) => line.startsWith('{"level"')) ?? ''
    const { level, msg, failure: told } = JSON.parse(last) as Record<string, string>
    assert.deepEqual({ level, msg, told }, { level: 'error', msg: 'stopped because a data worker died', told: failure })
  })
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

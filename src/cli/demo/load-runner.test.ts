import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { afterEach, test } from 'node:test'

import { systemClock } from '../../base/clock.ts'
import { LoadRunner } from './load-runner.ts'
import { sampleContent, samplePlan, type SampleObject } from './sample-plan.ts'

const SEED = 1
const OBJECTS = 40
const BY_PATH = new Map(samplePlan(SEED, OBJECTS).objects.map((object) => [`/${object.bucket}/${object.key}`, object]))

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

/** Serves the sample objects; `spoil` may do something else with a request. */
async function startServer(spoil: (response: ServerResponse, object: SampleObject) => boolean, onRequest: () => void): Promise<number> {
  const listening = createServer((request, response) => {
    const object = BY_PATH.get(decodeURIComponent(request.url ?? ''))
    assert.ok(object !== undefined, `unknown object ${request.url}`)
    assert.match(request.headers.authorization ?? '', /^AWS4-HMAC-SHA256 Credential=KEY\/\d{8}\/us-east-1\/s3\/aws4_request, /)
    if (!spoil(response, object)) serve(request, response, object)
    onRequest()
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const address = listening.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

function serve(request: IncomingMessage, response: ServerResponse, object: SampleObject): void {
  const { sizeBytes } = object
  const range = /^bytes=(\d*)-(\d+)$/.exec(request.headers.range ?? '')
  const start = range === null ? 0 : range[1] === '' ? Math.max(0, sizeBytes - Number(range[2])) : Number(range[1])
  const end = range === null || range[1] === '' ? sizeBytes : Number(range[2]) + 1
  const contentRange = range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}` }
  response.writeHead(range === null ? 200 : 206, { 'content-length': end - start, ...contentRange })
  response.end(request.method === 'HEAD' ? undefined : sampleContent(SEED, object, start)(end - start))
}

/** Runs the load until the server has seen that many requests. */
async function loadOf(requests: number, spoil: (response: ServerResponse, object: SampleObject) => boolean): Promise<LoadRunner> {
  const enough = Promise.withResolvers<void>()
  let seen = 0
  const port = await startServer(spoil, () => {
    if (++seen === requests) enough.resolve()
  })
  const runner = new LoadRunner(
    {
      endpoint: { host: '127.0.0.1', port },
      region: 'us-east-1',
      credentials: { accessKeyId: 'KEY', secretAccessKey: 'secret' },
      seed: SEED,
      objectCount: OBJECTS,
      readsPerSecond: undefined,
      connections: 4,
      bytesPerSecondMax: 1e12,
    },
    systemClock,
  )
  const running = runner.run()
  await enough.promise
  runner.stop()
  await running
  return runner
}

test('LoadRunner reads whole objects, ranges and heads and finds them right', async () => {
  const { reads, wrong, failed, bodyBytes, verifiedBytes, lastProblem } = (await loadOf(200, () => false)).progress()
  assert.equal(lastProblem, undefined)
  assert.deepEqual({ wrong, failed }, { wrong: 0, failed: 0 })
  assert.ok(reads >= 190 && verifiedBytes > 0 && bodyBytes >= verifiedBytes)
})

test('LoadRunner counts a changed byte as a wrong read and names the object', async () => {
  const runner = await loadOf(100, (response, object) => {
    if (object.sizeBytes > 100_000) return false
    response.writeHead(200, { 'content-length': object.sizeBytes })
    response.end(Buffer.alloc(object.sizeBytes))
    return true
  })
  const { wrong, failed, lastProblem } = runner.progress()
  assert.ok(wrong > 0)
  assert.equal(failed, 0)
  assert.match(lastProblem ?? '', /^(GET|HEAD) (analytics|training|media|logs)\/.+: /)
})

test('LoadRunner counts a broken connection as a failed read and goes on', async () => {
  let cut = 0
  const runner = await loadOf(60, (response) => {
    if (cut++ > 0) return false
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345', () => response.destroy())
    return true
  })
  const { reads, wrong, failed } = runner.progress()
  // Depending on what was asked for, the head itself may have been wrong already.
  assert.equal(wrong + failed, 1)
  assert.ok(reads > 50)
})

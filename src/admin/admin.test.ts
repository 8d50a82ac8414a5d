import assert from 'node:assert/strict'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { REFUSALS } from '../http/refusal.ts'
import { HTTP_REFUSALS } from '../signals/labels.ts'
import { allocateRegistry, renderMetrics } from '../signals/registry.ts'
import { parseExposition } from '../signals/testing/exposition.ts'
import type { AdminOptions } from './admin-options.ts'
import { startAdmin, type AdminServer } from './admin.ts'

const TOKEN = 'a-long-admin-token'

function optionsWith(given: Partial<AdminOptions> = {}): AdminOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    version: '1.2.3',
    renderMetrics: () => renderMetrics([allocateRegistry()], { version: '1.2.3' }),
    readiness: () => ({ ready: true, reasons: [] }),
    threads: ['data-0', 'data-1'],
    profile: async (kind, seconds, thread) => Buffer.from(`${kind} ${seconds}${thread === undefined ? '' : ` ${thread}`}`),
    ...given,
  }
}

async function started(t: TestContext, given: Partial<AdminOptions> = {}): Promise<AdminServer> {
  const server = await startAdmin(optionsWith(given))
  t.after(() => server.close())
  return server
}

interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: () => Record<string, unknown>
}

async function ask(server: AdminServer, path: string, more: { method?: string; headers?: Record<string, string> } = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, agent: false, ...more }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('GET /metrics is the exposition under the media type that Prometheus wants', async (t) => {
  const got = await ask(await started(t), '/metrics')
  assert.equal(got.status, 200)
  assert.equal(got.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(got.headers['cache-control'], 'no-store')
  assert.ok(parseExposition(got.text).has('hotbucket_requests_total'))
})

test('HEAD answers as GET without the body', async (t) => {
  const got = await ask(await started(t), '/metrics', { method: 'HEAD' })
  assert.equal(got.status, 200)
  assert.equal(got.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(got.text, '')
})

test('GET /healthz/ready is 503 with the reasons while not ready', async (t) => {
  let ready = false
  const server = await started(t, { readiness: () => ({ ready, reasons: ready ? [] : ['draining: the process was told to stop'] }) })
  const before = await ask(server, '/healthz/ready')
  assert.equal(before.status, 503)
  assert.deepEqual(before.json(), { ready: false, reasons: ['draining: the process was told to stop'] })
  ready = true
  const after = await ask(server, '/healthz/ready')
  assert.equal(after.status, 200)
  assert.deepEqual(after.json(), { ready: true, reasons: [] })
})

test('GET /healthz/live is 200 by itself, and 503 where the process says it is stuck', async (t) => {
  assert.equal((await ask(await started(t), '/healthz/live')).status, 200)
  const stuck = await started(t, { liveness: () => ({ live: false, reasons: ['data-0: event loop has not run for 30 s'] }) })
  const got = await ask(stuck, '/healthz/live')
  assert.equal(got.status, 503)
  assert.deepEqual(got.json(), { live: false, reasons: ['data-0: event loop has not run for 30 s'] })
})

test('profiles are taken for as long as asked, with the defaults of go tool pprof', async (t) => {
  const server = await started(t)
  const cpu = await ask(server, '/debug/pprof/profile?seconds=5')
  assert.equal(cpu.text, 'cpu 5')
  assert.equal(cpu.headers['content-type'], 'application/octet-stream')
  assert.equal(cpu.headers['content-disposition'], 'attachment; filename="hotbucket-cpu.pb.gz"')
  assert.equal((await ask(server, '/debug/pprof/profile')).text, 'cpu 30')
  assert.equal((await ask(server, '/debug/pprof/heap?gc=1')).text, 'heap 10')
})

test('a profile is of one thread where it is named', async (t) => {
  const server = await started(t)
  assert.equal((await ask(server, '/debug/pprof/profile?seconds=5&thread=data-1')).text, 'cpu 5 data-1')
  const got = await ask(server, '/debug/pprof/heap?thread=data-2')
  assert.equal(got.status, 400)
  assert.deepEqual(got.json(), { error: 'Cannot use thread "data-2": wanted one of data-0, data-1' })
})

test('a length that is no whole number of seconds within bounds is a clear 400', async (t) => {
  const server = await started(t)
  for (const seconds of ['0', '61', '-1', '1.5', 'abc', '', '1e9', 'Infinity', 'NaN']) {
    const got = await ask(server, `/debug/pprof/profile?seconds=${seconds}`)
    assert.equal(got.status, 400, seconds)
    assert.deepEqual(got.json(), { error: `Cannot use seconds "${seconds}": wanted a whole number of seconds from 1 to 60` })
  }
})

test('one profile at a time: the second is 409, the next after the end is taken', async (t) => {
  const running = Promise.withResolvers<Uint8Array>()
  const begun = Promise.withResolvers<void>()
  let calls = 0
  const server = await started(t, {
    profile: async () => {
      begun.resolve()
      return ++calls === 1 ? running.promise : Buffer.from('second')
    },
  })
  const first = ask(server, '/debug/pprof/profile?seconds=1')
  await begun.promise
  assert.equal((await ask(server, '/debug/pprof/heap?seconds=1')).status, 409)
  running.resolve(Buffer.from('first'))
  assert.equal((await first).text, 'first')
  assert.equal((await ask(server, '/debug/pprof/heap?seconds=1')).text, 'second')
})

test('a profile that fails is a 500 in JSON, and the next is taken', async (t) => {
  let fail = true
  const server = await started(t, {
    profile: async () => {
      if (fail) throw new Error('the worker is gone')
      return Buffer.from('fine')
    },
  })
  const got = await ask(server, '/debug/pprof/heap')
  assert.equal(got.status, 500)
  assert.deepEqual(got.json(), { error: 'Cannot take a profile: the worker is gone' })
  fail = false
  assert.equal((await ask(server, '/debug/pprof/heap')).status, 200)
})

test('what is not there is 404, what is not GET is 405, and what throws is 500, all in JSON', async (t) => {
  const server = await started(t, {
    renderMetrics: () => {
      throw new Error('broken')
    },
  })
  const missing = await ask(server, '/nope/%00<script>')
  assert.equal(missing.status, 404)
  assert.match(String(missing.json()['error']), /^Cannot find "\/nope\//)
  assert.match(missing.headers['content-type'] ?? '', /^application\/json/)
  const posted = await ask(server, '/metrics', { method: 'POST' })
  assert.equal(posted.status, 405)
  assert.equal(posted.headers.allow, 'GET, HEAD')
  assert.deepEqual((await ask(server, '/metrics')).json(), { error: 'Cannot answer "/metrics": broken' })
})

test('GET / lists every route, and /openapi.json describes each', async (t) => {
  const server = await started(t)
  const page = await ask(server, '/')
  const document = (await ask(server, '/openapi.json')).json() as {
    openapi: string
    paths: Record<string, { get: { parameters: unknown[] } }>
  }
  assert.match(page.headers['content-type'] ?? '', /^text\/html/)
  assert.ok(page.text.includes('hotbucket 1.2.3'))
  assert.equal(document.openapi, '3.1.0')
  const paths = Object.keys(document.paths)
  assert.deepEqual(paths, [
    '/',
    '/metrics',
    '/healthz/live',
    '/healthz/ready',
    '/debug/pprof/profile',
    '/debug/pprof/heap',
    '/openapi.json',
  ])
  for (const path of paths) {
    assert.ok(page.text.includes(`href="${path}"`), path)
    assert.notEqual((await ask(server, path)).status, 404, path)
  }
  assert.deepEqual(document.paths['/debug/pprof/profile']?.get.parameters, [
    {
      name: 'seconds',
      in: 'query',
      required: false,
      description: 'How long to profile, in seconds',
      schema: { type: 'integer', minimum: 1, maximum: 60, default: 30 },
    },
    {
      name: 'thread',
      in: 'query',
      required: false,
      description: 'Which thread; all without it, told apart by the label "thread"',
      schema: { type: 'string', enum: ['data-0', 'data-1'] },
    },
  ])
})

test('with a token every route but the health checks wants it', async (t) => {
  const server = await started(t, { token: TOKEN })
  for (const path of ['/', '/metrics', '/openapi.json', '/debug/pprof/profile', '/debug/pprof/heap']) {
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${TOKEN}` },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: 'Bearer ' },
    ]) {
      const got = await ask(server, path, { headers })
      assert.equal(got.status, 401, path)
      assert.equal(got.headers['www-authenticate'], 'Bearer')
      assert.ok(!got.text.includes(TOKEN))
    }
    assert.equal((await ask(server, path, { headers: { authorization: `bearer ${TOKEN}` } })).status, 200, path)
  }
  assert.equal((await ask(server, '/healthz/live')).status, 200)
  assert.equal((await ask(server, '/healthz/ready')).status, 200)
})

test('without a token a foreign Host is refused, so that no web page can read through a browser', async (t) => {
  const server = await started(t)
  for (const host of ['evil.example', 'evil.example:9001', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.evil.example', '[::2]:1']) {
    assert.equal((await ask(server, '/metrics', { headers: { host } })).status, 403, host)
  }
  for (const host of ['localhost', 'LOCALHOST:9001', '127.0.0.1:9001', '127.1.2.3', '[::1]:9001']) {
    assert.equal((await ask(server, '/metrics', { headers: { host } })).status, 200, host)
  }
  assert.equal((await ask(server, '/healthz/ready', { headers: { host: 'probe' } })).status, 200)
})

test('startAdmin() refuses an address beyond this machine without a token, and an empty token anywhere', async (t) => {
  for (const host of ['0.0.0.0', '::', '10.1.2.3', 'example.com', '']) {
    await assert.rejects(
      startAdmin(optionsWith({ host })),
      /Cannot start the admin listener on ".*": wanted a loopback address, or a token/,
    )
  }
  await assert.rejects(startAdmin(optionsWith({ token: '' })), /empty admin token/)
  const server = await started(t, { host: '0.0.0.0', token: TOKEN })
  assert.equal((await ask(server, '/metrics')).status, 401)
})

test('startAdmin() says which address is taken', async (t) => {
  const server = await started(t)
  await assert.rejects(
    startAdmin(optionsWith({ port: server.port })),
    new RegExp(`Cannot start the admin listener on "127.0.0.1:${server.port}": .*EADDRINUSE`),
  )
})

test('close() ends idle connections and cuts answers that go on', async (t) => {
  const begun = Promise.withResolvers<void>()
  const server = await startAdmin(
    optionsWith({
      profile: async () => {
        begun.resolve()
        return new Promise(() => undefined)
      },
    }),
  )
  const idle = connect(server.port, '127.0.0.1')
  t.after(() => idle.destroy())
  const idleClosed = new Promise((resolve) => idle.once('close', resolve))
  idle.resume()
  const hanging = assert.rejects(ask(server, '/debug/pprof/profile?seconds=60'))
  await begun.promise
  await server.close()
  await hanging
  await idleClosed
})

test('every refusal of the HTTP engine has its own metric label', () => {
  assert.deepEqual([...HTTP_REFUSALS].sort(), Object.keys(REFUSALS).sort())
})

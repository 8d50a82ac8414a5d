import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { runHotbucket, startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin } from '../support/memory-origin.ts'

const origin = new MemoryOrigin()
let hotbucket: HotbucketProcess

before(async () => {
  const url = await origin.start()
  hotbucket = await startHotbucket(['--origin', url, '--anonymous', '--log-level', 'warn'])
})

after(async () => {
  assert.equal(await hotbucket.stop(), 0)
  await origin.stop()
})

/** Sends bytes on a fresh connection and gives all that comes back until the other side closes. */
async function exchange(bytes: string): Promise<string> {
  const { hostname, port } = new URL(hotbucket.endpoint)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(Buffer.from(bytes, 'latin1'))
  await closed
  return Buffer.concat(chunks).toString('latin1')
}

const MALFORMED: Readonly<Record<string, string>> = {
  'both Content-Length and Transfer-Encoding':
    'POST /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two lengths': 'PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'a negative length': 'PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n',
  'a bare LF': 'GET /b/k HTTP/1.1\nHost: h\n\n',
  'a folded line': 'GET /b/k HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n 2\r\n\r\n',
  'a space before the colon': 'GET /b/k HTTP/1.1\r\nHost : h\r\n\r\n',
  'no Host': 'GET /b/k HTTP/1.1\r\n\r\n',
  'a NUL in a value': 'GET /b/k HTTP/1.1\r\nHost: h\r\nX-A: a\0b\r\n\r\n',
  'no target': 'GET HTTP/1.1\r\nHost: h\r\n\r\n',
}

for (const [what, bytes] of Object.entries(MALFORMED)) {
  test(`a request with ${what} is answered 400 in S3 XML, closed, and never forwarded`, async () => {
    const seenBefore = origin.seen.length
    const answer = await exchange(bytes)
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
    assert.match(answer, /\r\nconnection: close\r\n/i)
    assert.match(answer, /<Error><Code>[A-Za-z]+<\/Code>/)
    assert.match(answer, /\r\nx-amz-request-id: [0-9A-F]{16}\r\n/i)
    assert.equal(origin.seen.length, seenBefore)
  })
}

test('a range beyond the end is answered 416 with the size', async () => {
  origin.putPattern('/b/short', 1000)
  for (const round of ['cold', 'warm']) {
    const answer = await exchange(`GET /b/short HTTP/1.1\r\nHost: h\r\nRange: bytes=1000-\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 416 /, round)
    assert.match(answer, /\r\nContent-Range: bytes \*\/1000\r\n/i, round)
    assert.match(answer, /<Code>InvalidRange<\/Code>/, round)
    assert.match(answer, /<ActualObjectSize>1000<\/ActualObjectSize>/, round)
  }
})

test('an origin that is down is answered 503 in S3 XML with the request id', async () => {
  const down = await startHotbucket(['--origin', 'http://127.0.0.1:9', '--anonymous', '--log-level', 'error'])
  try {
    const response = await fetch(`${down.endpoint}/b/k`)
    assert.equal(response.status, 503)
    const id = response.headers.get('x-amz-request-id') ?? ''
    assert.match(id, /^[0-9A-F]{16}$/)
    const body = await response.text()
    assert.match(body, new RegExp(`<RequestId>${id}</RequestId>`))
    assert.match(response.headers.get('cache-status') ?? '', /^hotbucket/)
  } finally {
    assert.equal(await down.stop(), 0)
  }
})

test('a bad configuration ends with code 2 and every problem', async () => {
  const { code, stderr } = await runHotbucket([
    'serve',
    '--origin',
    'ftp://x',
    '--memory',
    '3',
    '--workers',
    '0',
    '--mode',
    'sometimes',
    '--anonymous',
  ])
  assert.equal(code, 2)
  for (const part of ['origin', 'ftp://x', 'memory', 'workers', 'mode', 'sometimes'])
    assert.ok(stderr.includes(part), `${part} in:\n${stderr}`)
})

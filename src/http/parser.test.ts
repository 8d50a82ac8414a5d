import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FieldMemo } from './field-memo.ts'
import { FieldNames } from './field-name.ts'
import { DEFAULT_HTTP_LIMITS } from './limits.ts'
import { RequestParser } from './parser.ts'
import type { RefusalReason } from './refusal.ts'

function parse(text: string, limits: { headBytes?: number; fieldCountMax?: number } = {}): RequestParser {
  const parser = new RequestParser({ ...DEFAULT_HTTP_LIMITS, ...limits }, { names: new FieldNames(), memo: new FieldMemo() })
  parser.feed(Buffer.from(text, 'latin1'), 0)
  return parser
}

/** A head with these lines after a good request line and Host. */
function withFields(...fields: string[]): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
}

test('RequestParser reads method, target, version, host and fields', () => {
  const { head, framing } = parse(
    'PUT /b/k%20y?x=1 HTTP/1.1\r\nHOST: s3.local:9000\r\nX-Amz-Meta-A:\t v \t\r\nx-amz-meta-a:2\r\nEmpty:\r\n\r\n',
  )
  assert.deepEqual(head, {
    method: 'PUT',
    target: '/b/k%20y?x=1',
    minorVersion: 1,
    headers: ['host', 's3.local:9000', 'x-amz-meta-a', 'v', 'x-amz-meta-a', '2', 'empty', ''],
    host: 's3.local:9000',
    repeated: undefined,
  })
  assert.equal(framing.keepAlive, true)
  assert.equal(framing.contentLength, undefined)
})

test('RequestParser gives the position behind the head and leaves what follows', () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, { names: new FieldNames(), memo: new FieldMemo() })
  const bytes = Buffer.from(`xx${withFields()}body`, 'latin1')
  assert.equal(parser.feed(bytes, 2), bytes.length - 4)
  assert.equal(parser.head?.method, 'GET')
})

test('RequestParser reads the same head however it is cut', () => {
  const text = '\r\nPOST /k?x HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nX-Long-Unknown-Name: \x80 y\r\n\r\n'
  const whole = parse(text).head
  assert.ok(whole)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 100, maxLength: 100 }), (sizes) => {
      const parser = new RequestParser(DEFAULT_HTTP_LIMITS, { names: new FieldNames(), memo: new FieldMemo() })
      const bytes = Buffer.from(`${text}rest`, 'latin1')
      let at = 0
      for (const size of sizes) {
        if (parser.head !== undefined) break
        const packet = bytes.subarray(at, at + size)
        const next = parser.feed(packet, 0)
        at += next
        assert.equal(next === packet.length || parser.head !== undefined, true)
      }
      assert.equal(at, text.length)
      assert.deepEqual(parser.head, whole)
    }),
  )
})

test('RequestParser keeps bytes from 0x80 up in targets and values as latin1', () => {
  const { head } = parse('GET /b/\xc3\xa9\xff HTTP/1.1\r\nHost: a\r\nX: caf\xe9\r\n\r\n')
  assert.equal(head?.target, '/b/\xc3\xa9\xff')
  assert.equal(head?.headers[3], 'caf\xe9')
})

test('RequestParser turns an absolute target into origin form, and its authority wins over Host', () => {
  const absolute = (target: string): RequestParser => parse(`GET ${target} HTTP/1.1\r\nHost: other\r\n\r\n`)
  const { head } = absolute('http://bucket.s3.local:80/k//x?y')
  assert.equal(head?.target, '/k//x?y')
  assert.equal(head?.host, 'bucket.s3.local:80')
  assert.deepEqual(head?.headers, ['host', 'bucket.s3.local:80'])
  assert.equal(absolute('HTTPS://h').head?.target, '/')
  assert.equal(absolute('http://h?q').head?.target, '/?q')
  assert.equal(absolute('http://[::1]:9/').head?.host, '[::1]:9')
})

test('RequestParser takes * for OPTIONS alone', () => {
  assert.equal(parse('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n').head?.target, '*')
  assert.equal(parse('GET * HTTP/1.1\r\nHost: a\r\n\r\n').refusal, 'bad-target')
})

test('RequestParser takes HTTP/1.0 without Host and does not keep it alive unless asked', () => {
  const parser = parse('GET / HTTP/1.0\r\n\r\n')
  assert.equal(parser.head?.minorVersion, 0)
  assert.equal(parser.head?.host, '')
  assert.equal(parser.framing.keepAlive, false)
  assert.equal(parse('GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n').framing.keepAlive, true)
  assert.equal(parse('GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n').framing.keepAlive, false)
  assert.equal(parse('GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n').framing.expectContinue, false)
})

test('RequestParser reads framing and expectations', () => {
  assert.equal(parse(withFields('Content-Length: 00012')).framing.contentLength, 12)
  assert.equal(parse(withFields('Content-Length: 9007199254740991')).framing.contentLength, Number.MAX_SAFE_INTEGER)
  assert.equal(parse(withFields('Transfer-Encoding: Chunked')).framing.chunked, true)
  assert.equal(parse(withFields('Expect: 100-Continue')).framing.expectContinue, true)
  assert.equal(parse(withFields('Expect: something-else')).framing.expectContinue, false)
  assert.equal(parse(withFields('Connection: TE, close')).framing.keepAlive, false)
})

const REFUSED: readonly [RefusalReason, string][] = [
  ['bad-request-line', 'GET /\r\n\r\n'],
  ['bad-request-line', ' GET / HTTP/1.1\r\n\r\n'],
  ['bad-request-line', 'GET\t/ HTTP/1.1\r\n\r\n'],
  ['bad-request-line', 'GET / http/1.1\r\n\r\n'],
  ['bad-request-line', 'GET / HTTP/1.1 \r\n\r\n'],
  ['bad-request-line', 'GET / x HTTP/1.1\r\n\r\n'],
  ['bad-request-line', '\r\n\r\nGET / HTTP/1.1\r\n\r\n'],
  ['bad-request-line', '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-request-line', `${'M'.repeat(40)} / HTTP/1.1\r\n`],
  ['bad-request-line', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03'],
  ['unknown-method', 'get / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['unknown-method', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET /#f HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET /\t HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bad-target', 'GET ftp://h/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['unsupported-version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['unsupported-version', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['unsupported-version', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n'],
  ['bad-line-ending', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['bad-line-ending', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n'],
  ['bad-line-ending', 'GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n'],
  ['bad-line-ending', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
  ['bad-line-ending', 'GET / HTTP/1.1\r\nHost: a\r\n\rX'],
  ['bad-line-ending', 'GET / HTTP/1.1\r\nHost\r\n\r\n'],
  ['folded-field', withFields('X: y', ' folded')],
  ['folded-field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['bad-field-name', withFields('X : y')],
  ['bad-field-name', withFields(': y')],
  ['bad-field-name', withFields('X\x00: y')],
  ['bad-field-name', withFields('X\x80: y')],
  ['bad-field-value', withFields('X: a\x00b')],
  ['bad-field-value', withFields('X: a\x7fb')],
  ['bad-field-value', withFields('X: a\x0bb')],
  ['missing-host', 'GET / HTTP/1.1\r\n\r\n'],
  ['bad-host', withFields('Host: a')],
  ['bad-host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['bad-host', 'GET / HTTP/1.1\r\nHost: a\x80\r\n\r\n'],
  ['bad-content-length', withFields('Content-Length: 5', 'Content-Length: 5')],
  ['bad-content-length', withFields('Content-Length: 5, 5')],
  ['bad-content-length', withFields('Content-Length: -1')],
  ['bad-content-length', withFields('Content-Length: +1')],
  ['bad-content-length', withFields('Content-Length: 0x1')],
  ['bad-content-length', withFields('Content-Length: 1 1')],
  ['bad-content-length', withFields('Content-Length:')],
  ['bad-content-length', withFields('Content-Length: 9007199254740992')],
  ['bad-content-length', withFields('Content-Length: 18446744073709551617')],
  ['bad-transfer-encoding', withFields('Transfer-Encoding: gzip, chunked')],
  ['bad-transfer-encoding', withFields('Transfer-Encoding: identity')],
  ['bad-transfer-encoding', withFields('Transfer-Encoding:')],
  ['bad-transfer-encoding', withFields('Transfer-Encoding: chunked\t')],
  ['bad-transfer-encoding', withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
  ['bad-transfer-encoding', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['conflicting-framing', withFields('Content-Length: 5', 'Transfer-Encoding: chunked')],
  ['conflicting-framing', withFields('Transfer-Encoding: chunked', 'Content-Length: 5')],
]

test('RequestParser refuses what two recipients could read differently', () => {
  for (const [reason, text] of REFUSED) {
    const parser = parse(text)
    assert.equal(parser.refusal, reason, JSON.stringify(text))
    assert.equal(parser.head, undefined)
  }
})

test('RequestParser refuses the same when the bytes come one by one', () => {
  for (const [reason, text] of REFUSED) {
    const parser = new RequestParser(DEFAULT_HTTP_LIMITS, { names: new FieldNames(), memo: new FieldMemo() })
    for (const byte of Buffer.from(text, 'latin1')) if (parser.refusal === undefined) parser.feed(Buffer.of(byte), 0)
    assert.equal(parser.refusal, reason, JSON.stringify(text))
  }
})

test('RequestParser takes a head of exactly the limit and refuses one byte more', () => {
  const text = withFields(`X: ${'y'.repeat(100)}`)
  assert.ok(parse(text, { headBytes: text.length }).head)
  assert.equal(parse(text, { headBytes: text.length - 1 }).refusal, 'head-too-long')
  assert.equal(parse(`GET /${'k'.repeat(200)}`, { headBytes: 100 }).refusal, 'target-too-long')
})

test('RequestParser limits the number of fields', () => {
  const fields = Array.from({ length: 9 }, (_, i) => `X-${i}: y`)
  assert.ok(parse(withFields(...fields), { fieldCountMax: 10 }).head)
  assert.equal(parse(withFields(...fields), { fieldCountMax: 9 }).refusal, 'too-many-fields')
})

test('RequestParser holds no more than the limit of a head that never ends', () => {
  const parser = new RequestParser({ ...DEFAULT_HTTP_LIMITS, headBytes: 1000 }, { names: new FieldNames(), memo: new FieldMemo() })
  parser.feed(Buffer.from('GET / HTTP/1.1\r\nX: ', 'latin1'), 0)
  let fed = 0
  for (; parser.refusal === undefined && fed < 10_000; fed += 10) parser.feed(Buffer.alloc(10, 'y'), 0)
  assert.equal(parser.refusal, 'head-too-long')
  assert.ok(fed < 1010)
})

test('RequestParser can be used again after a refusal', () => {
  const parser = parse('bad\r\n\r\n')
  assert.equal(parser.refusal, 'bad-request-line')
  parser.reset()
  assert.equal(parser.begun, false)
  parser.feed(Buffer.from(withFields()), 0)
  assert.equal(parser.head?.method, 'GET')
})

test('FieldNames gives every name its own string, also where names share a slot', () => {
  const names = new FieldNames()
  const limits = { ...DEFAULT_HTTP_LIMITS, fieldCountMax: 5000, headBytes: 1 << 20 }
  const sent = Array.from({ length: 3000 }, (_, i) => `X-Name-${i * 7919}`)
  for (let round = 0; round < 2; round += 1) {
    const parser = new RequestParser(limits, { names, memo: new FieldMemo() })
    parser.feed(Buffer.from(withFields(...sent.map((name) => `${name}: v`)), 'latin1'), 0)
    const read = parser.head?.headers.filter((_, i) => i % 2 === 0)
    assert.deepEqual(read, ['host', ...sent.map((name) => name.toLowerCase())])
  }
})

/** Parses heads one after another as an engine does, with everything that is remembered of those before. */
function parseAll(texts: readonly string[]): unknown[] {
  const shared = { names: new FieldNames(), memo: new FieldMemo() }
  return texts.map((text) => facts(new RequestParser(DEFAULT_HTTP_LIMITS, shared), text))
}

function facts(parser: RequestParser, text: string): unknown {
  const bytes = Buffer.from(`##${text}`, 'latin1')
  const next = parser.feed(bytes, 2)
  const { head, refusal, framing } = parser
  const { repeated, ...said } = head ?? {}
  const { chunked, close, contentLength, expectContinue, host, keepAlive } = framing
  return { next, said, refusal, framing: { chunked, close, contentLength, expectContinue, host, keepAlive }, marked: repeated?.signature }
}

test('RequestParser reads a head alike whether fields like these came before or not', () => {
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/)
  const authorization = fc.tuple(
    fc.constantFrom('A', 'B'),
    fc.oneof(hex, fc.constantFrom('', 'x'.repeat(64), 'F'.repeat(64))),
    fc.constantFrom('', ' ', ', x=y'),
  )
  const field = fc.oneof(
    fc.constantFrom(
      'Host: a',
      'Host: b',
      'host: a',
      'Connection: close',
      'Content-Length: 3',
      'Transfer-Encoding: chunked',
      'X: y',
      ': bad',
      'X',
    ),
    authorization.map(([name, signature, rest]) => `Authorization: ${name} Signature=${signature}${rest}`),
    hex.map((digits) => `X-Copy: A Signature=${digits}`),
  )
  const head = fc
    .record({
      method: fc.constantFrom('GET', 'HEAD', 'PUT', 'get', 'OPTIONS'),
      target: fc.constantFrom('/', '/b/k', '/b/k?x', '*', 'http://c/k', 'k'),
      version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0'),
      fields: fc.array(field, { maxLength: 4 }),
    })
    .map(({ method, target, version, fields }) => `${method} ${target} ${version}\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`)
  fc.assert(
    fc.property(fc.array(head, { minLength: 1, maxLength: 3 }), fc.array(fc.nat(2), { maxLength: 12 }), (heads, order) => {
      const texts = order.map((place) => heads[place % heads.length] ?? '')
      const alone = texts.map((text) => parseAll([text])[0])
      const plain = (all: unknown[]): unknown[] => all.map((one) => ({ ...(one as object), marked: undefined }))
      assert.deepEqual(plain(parseAll(texts)), plain(alone))
    }),
    { numRuns: 2000 },
  )
})

test('RequestParser tells which fields came before, and the signature that is all that differs', () => {
  const signed = (digit: string): string => withFields(`Authorization: A Signature=${digit.repeat(64)}`, 'X: y')
  const marks = parseAll([signed('1'), signed('2'), signed('3').replace('X: y', 'X: z'), signed('4')]).map(
    (one) => (one as { marked: unknown }).marked,
  )
  assert.deepEqual(marks, [undefined, '2'.repeat(64), undefined, undefined])
  const copied = withFields(`Authorization: A Signature=${'1'.repeat(64)}`, `X-Copy: A Signature=${'1'.repeat(64)}`)
  assert.deepEqual(
    parseAll([copied, copied]).map((one) => (one as { marked: unknown }).marked),
    [undefined, undefined],
  )
})

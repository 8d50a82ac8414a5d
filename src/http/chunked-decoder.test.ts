import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { FieldNames } from './field-name.ts'

const LIMITS = { chunkExtensionBytes: 64, trailerBytes: 128 }

interface Decoded {
  readonly decoder: ChunkedDecoder
  readonly body: string
  /** What was not taken. */
  readonly rest: string
}

function decode(text: string, packetBytes = text.length): Decoded {
  const decoder = new ChunkedDecoder(LIMITS, new FieldNames())
  let body = ''
  let at = 0
  while (at < text.length && !decoder.complete && decoder.refusal === undefined) {
    const packet = Buffer.from(text.slice(at, at + packetBytes), 'latin1')
    at += decoder.feed(packet, 0, { push: (bytes) => (body += bytes.toString('latin1')) })
  }
  return { decoder, body, rest: text.slice(at) }
}

test('ChunkedDecoder joins chunks and stops behind the last one', () => {
  const { decoder, body, rest } = decode('5\r\nhello\r\n00006\r\n world\r\n0\r\n\r\nGET /')
  assert.equal(decoder.complete, true)
  assert.equal(body, 'hello world')
  assert.equal(rest, 'GET /')
})

test('ChunkedDecoder drops extensions and keeps trailers', () => {
  const { decoder, body } = decode('A;n;a=b;c="d, \t e"\r\n0123456789\r\n0;last\r\nX-Amz-Checksum-Crc32: AAAA\r\nY:\r\n\r\n')
  assert.equal(body, '0123456789')
  assert.deepEqual(decoder.trailers, ['x-amz-checksum-crc32', 'AAAA', 'y', ''])
})

test('ChunkedDecoder decodes the same however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 30 }),
      (parts, size) => {
        const text = `${parts.map((part) => `${part.length.toString(16)};x=y\r\n${part}\r\n`).join('')}0\r\nT: 1\r\n\r\nrest`
        const { decoder, body, rest } = decode(text.slice(0, -4), size)
        assert.equal(decoder.refusal, undefined)
        assert.equal(body, parts.join(''))
        assert.deepEqual(decoder.trailers, ['t', '1'])
        assert.equal(rest, '')
      },
    ),
  )
})

test('ChunkedDecoder refuses every doubtful size line and chunk end', () => {
  const bad = [
    '\r\n',
    'x\r\n',
    '+5\r\n',
    '-5\r\n',
    '0x5\r\n',
    ' 5\r\n',
    '5 \r\n',
    '5\t\r\n',
    '5\n',
    '5\rx',
    '5;\r\n',
    '5; a\r\n',
    '5;a=\r\n',
    '5;a="b\r\n',
  ]
  bad.push(
    '5;a="\\""\r\n',
    '5;a="b"c\r\n',
    '5;a=b c\r\n',
    '5;\x00\r\n',
    '5;a\n',
    '10000000000000\r\n',
    '00000000000005\r\n',
    `5;${'e'.repeat(80)}\r\n`,
  )
  bad.push('1\r\nab', '1\r\na\n', '1\r\na\rb', '1\r\na\r\n\r\n')
  for (const text of bad) {
    for (const size of [1, text.length]) assert.equal(decode(text, size).decoder.refusal, 'bad-chunk', JSON.stringify(text))
  }
})

test('ChunkedDecoder bounds the extensions of all chunks together', () => {
  const text = '1;extension=1234567\r\na\r\n'.repeat(10)
  assert.equal(decode(text).decoder.refusal, 'bad-chunk')
})

test('ChunkedDecoder refuses trailers that are malformed, too long, too many, or that frame', () => {
  const long = `X: ${'y'.repeat(200)}\r\n`
  const many = 'X:\r\n'.repeat(40)
  const bad = [
    'X : 1\r\n',
    ' x: 1\r\n',
    'X: 1\n',
    'X: \x00\r\n',
    '\rx',
    '\n',
    'Content-Length: 1\r\n',
    'transfer-encoding: chunked\r\n',
    'Host: a\r\n',
    long,
    many,
  ]
  for (const trailer of bad) {
    for (const size of [1, 1000]) assert.equal(decode(`0\r\n${trailer}\r\n`, size).decoder.refusal, 'bad-trailer', JSON.stringify(trailer))
  }
})

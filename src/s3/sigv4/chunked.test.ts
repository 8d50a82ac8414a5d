import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect, sourceOf, type ByteSource } from '../../base/byte-source.ts'
import { createChecksum } from '../checksums.ts'
import { Refusal, type S3ErrorCode } from '../errors.ts'
import { EMPTY_SHA256, sha256Hex } from './canonical.ts'
import { chunkStringToSign, trailerStringToSign, type ChunkSigning } from './chunk-signature.ts'
import { encodeAwsChunkedUnsigned } from './chunked-encoder.ts'
import { decodeAwsChunked, MAX_SIGNED_CHUNK_BYTES, parseDecodedLength, parseTrailerNames, type AwsChunkedSource } from './chunked.ts'
import type { ChunkedMode } from './payload.ts'
import { deriveSigningKey } from './signing-key.ts'

const SIGNING: ChunkSigning = {
  signingKey: deriveSigningKey('secret', '20260301', 'eu-west-1', 's3'),
  amzDate: '20260301T120000Z',
  scope: '20260301/eu-west-1/s3/aws4_request',
  seedSignature: 'ab'.repeat(32),
}
const MAX_BYTES = 1 << 20
const CRC32C = 'x-amz-checksum-crc32c'

function crc32cOf(data: Uint8Array): string {
  const checksum = createChecksum('crc32c')
  checksum.update(data)
  return checksum.digestBase64()
}

/** A body as a client frames it. */
function encode(mode: ChunkedMode, chunks: readonly Uint8Array[], trailers: readonly string[] = []): Buffer {
  let previous = SIGNING.seedSignature
  const pieces: Uint8Array[] = []
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    let header = chunk.length.toString(16)
    if (mode !== 'unsigned-trailer') {
      previous = SIGNING.signingKey.sign(chunkStringToSign(SIGNING, previous, chunk.length === 0 ? EMPTY_SHA256 : sha256Hex(chunk)))
      header += `;chunk-signature=${previous}`
    }
    pieces.push(Buffer.from(`${header}\r\n`), chunk, Buffer.from(chunk.length === 0 ? '' : '\r\n'))
  }
  let text = ''
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}:${trailers[i + 1]}\r\n`
  if (mode === 'signed-trailer')
    text += `x-amz-trailer-signature:${SIGNING.signingKey.sign(trailerStringToSign(SIGNING, previous, trailers))}\r\n`
  return Buffer.concat([...pieces, Buffer.from(`${text}\r\n`, 'latin1')])
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const sorted = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
}

interface Decoding {
  readonly mode: ChunkedMode
  readonly framed: readonly Uint8Array[]
  readonly decodedLength: number
  readonly trailerNames?: readonly string[]
}

function decoder({ mode, framed, decodedLength, trailerNames = [] }: Decoding): AwsChunkedSource {
  return decodeAwsChunked(sourceOf(...framed), { mode, decodedLength, verifier: SIGNING, trailerNames })
}

async function refused(decoding: Decoding, code: S3ErrorCode): Promise<void> {
  const source = decoder(decoding)
  await assert.rejects(collect(source, MAX_BYTES), (error) => error instanceof Refusal && error.code === code)
  // A body that failed never ends as if it were whole.
  await assert.rejects(source.read(), Refusal)
}

const MODES = ['signed', 'signed-trailer', 'unsigned-trailer'] as const
const aBody = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 })
const cuts = fc.array(fc.nat(3000), { maxLength: 30 })

function trailersOf(mode: ChunkedMode, body: Uint8Array): string[] {
  return mode === 'signed' ? [] : [CRC32C, crc32cOf(body)]
}

test('decodeAwsChunked() gives the body back, in every mode and however it is cut', async () => {
  const property = fc.asyncProperty(fc.constantFrom(...MODES), aBody, cuts, async (mode, chunks, cuts) => {
    const body = Buffer.concat(chunks)
    const trailers = trailersOf(mode, body)
    const framed = split(encode(mode, chunks, trailers), cuts)
    const source = decoder({ mode, framed, decodedLength: body.length, trailerNames: trailers.slice(0, 1) })
    assert.equal(source.length, body.length)
    assert.deepEqual(Buffer.from((await collect(source, MAX_BYTES)) ?? []), body)
    assert.deepEqual(source.trailers(), trailers)
    assert.equal(await source.read(), undefined)
  })
  await fc.assert(property, { numRuns: 300 })
})

test('decodeAwsChunked() gives no whole body from a framing with any byte changed, cut off or added', async () => {
  const property = fc.asyncProperty(fc.constantFrom(...MODES), aBody, cuts, fc.nat(), async (mode, chunks, cuts, at) => {
    const body = Buffer.concat(chunks)
    const trailers = trailersOf(mode, body)
    const framed = encode(mode, chunks, trailers)
    const changed = Buffer.from(framed)
    // Bit 5 only changes the case of hex digits and names, which may differ.
    changed[at % framed.length]! ^= 1
    for (const wrong of [changed, framed.subarray(0, at % framed.length), Buffer.concat([framed, Buffer.from('x')])]) {
      const source = decoder({ mode, framed: split(wrong, cuts), decodedLength: body.length, trailerNames: trailers.slice(0, 1) })
      let given = 0
      const read = async (): Promise<void> => {
        for (let piece = await source.read(); piece !== undefined; piece = await source.read()) given += piece.length
      }
      await assert.rejects(read(), Refusal)
      assert.ok(body.length === 0 || given < body.length, 'the last piece must not be given before the end was checked')
    }
  })
  await fc.assert(property, { numRuns: 300 })
})

test('decodeAwsChunked() gives no byte of a signed chunk before its signature was checked', async () => {
  const chunks = [Buffer.alloc(100, 1), Buffer.alloc(100, 2), Buffer.alloc(100, 3)]
  const framed = encode('signed', chunks)
  framed[framed.indexOf(Buffer.alloc(100, 2)) + 99] = 9
  const source = decoder({ mode: 'signed', framed: [framed], decodedLength: 300 })
  assert.deepEqual(Buffer.from((await source.read())!), chunks[0])
  await assert.rejects(source.read(), (error) => error instanceof Refusal && error.code === 'SignatureDoesNotMatch')
})

test('decodeAwsChunked() refuses chunks in another order', async () => {
  const chunks = [Buffer.alloc(100, 1), Buffer.alloc(100, 2)]
  const framed = encode('signed', chunks)
  const size = '64;chunk-signature='.length + 64 + 2 + 102
  const swapped = Buffer.concat([framed.subarray(size, 2 * size), framed.subarray(0, size), framed.subarray(2 * size)])
  await refused({ mode: 'signed', framed: [swapped], decodedLength: 200 }, 'SignatureDoesNotMatch')
})

test('decodeAwsChunked() refuses bodies that are not as long as announced', async () => {
  const chunks = [Buffer.alloc(100, 1), Buffer.alloc(100, 2)]
  for (const mode of MODES) {
    const framed = [encode(mode, chunks)]
    for (const decodedLength of [0, 99, 199, 201, 1e12]) await refused({ mode, framed, decodedLength }, 'IncompleteBody')
  }
})

test('decodeAwsChunked() refuses what is not a chunk', async () => {
  const cases = [';\r\n', 'x\r\n', '-1\r\n', '0x10\r\n', ' 5\r\n', '5 \r\n', `${'0'.repeat(300)}5\r\n`, `5;a=${'b'.repeat(300)}\r\n`]
  cases.push('5;chunk-signature=00\r\nhello', '5\nhello\r\n', '\r\n', 'ffffffffffffffffffff\r\n', '5\r\nhello0\r\n\r\n', '5\r\nhello\n\n')
  for (const text of cases) {
    await refused({ mode: 'unsigned-trailer', framed: [Buffer.from(text)], decodedLength: 10 }, 'InvalidRequest')
  }
  const unsigned = encode('unsigned-trailer', [Buffer.from('hello')])
  await refused({ mode: 'signed', framed: [unsigned], decodedLength: 5 }, 'InvalidRequest')
  const signed = encode('signed', [Buffer.from('hello')])
  await refused({ mode: 'unsigned-trailer', framed: [signed], decodedLength: 5 }, 'InvalidRequest')
})

test('decodeAwsChunked() refuses a signed chunk that is too large to hold', async () => {
  const header = `${(MAX_SIGNED_CHUNK_BYTES + 1).toString(16)};chunk-signature=${'0'.repeat(64)}\r\n`
  await refused({ mode: 'signed', framed: [Buffer.from(header)], decodedLength: 1e9 }, 'EntityTooLarge')
})

test('decodeAwsChunked() verifies every checksum that it knows', async () => {
  const body = Buffer.from('hello world')
  const values = {
    crc32: 'DUoRhQ==',
    crc32c: 'yZRlqg==',
    crc64nvme: 'jSnVw/bqjr4=',
    sha1: 'Kq5sNclPz7QV2+lfQIuc6R7oRu0=',
    sha256: 'uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=',
  }
  for (const [name, value] of Object.entries(values)) {
    const field = `x-amz-checksum-${name}`
    const good = { mode: 'unsigned-trailer', decodedLength: body.length, trailerNames: [field] } as const
    const source = decoder({ ...good, framed: [encode('unsigned-trailer', [body], [field, value])] })
    assert.deepEqual(await collect(source, MAX_BYTES), body, name)
    const wrong = Buffer.from(body.map((byte, i) => (i === 3 ? byte ^ 1 : byte)))
    await refused({ ...good, framed: [encode('unsigned-trailer', [wrong], [field, value])] }, 'BadDigest')
  }
  const unknown = encode('unsigned-trailer', [body], ['x-amz-checksum-xxhash64', 'AAAAAAAAAAA='])
  const source = decoder({ mode: 'unsigned-trailer', framed: [unknown], decodedLength: 11, trailerNames: ['x-amz-checksum-xxhash64'] })
  assert.deepEqual(await collect(source, MAX_BYTES), body)
})

test('decodeAwsChunked() refuses trailers that were not announced, are missing, twice, malformed or too long', async () => {
  const body = Buffer.from('hello')
  const crc = [CRC32C, crc32cOf(body)]
  const decoding = (trailers: readonly string[], trailerNames: readonly string[]): Decoding => ({
    mode: 'unsigned-trailer',
    framed: [encode('unsigned-trailer', [body], trailers)],
    decodedLength: 5,
    trailerNames,
  })
  const cases: [string[], string[]][] = [
    [crc, []],
    [[], [CRC32C]],
    [[...crc, ...crc], [CRC32C]],
    [[...crc, 'x-other', '1'], [CRC32C]],
    [['bad name', 'x'], ['bad name']],
    [['x-amz-trailer-signature', '00'], []],
    [['x-long', 'x'.repeat(10_000)], ['x-long']],
  ]
  for (const [trailers, names] of cases) await refused(decoding(trailers, names), 'MalformedTrailerError')
  const unsigned = Buffer.from(
    encode('signed-trailer', [body], crc)
      .toString('latin1')
      .replace(/x-amz-trailer-signature.*\r\n/, ''),
    'latin1',
  )
  await refused({ mode: 'signed-trailer', framed: [unsigned], decodedLength: 5, trailerNames: [CRC32C] }, 'MalformedTrailerError')
  const surplus = Buffer.concat([encode('signed', [body]), Buffer.from('x: y\r\n\r\n')])
  await refused({ mode: 'signed', framed: [surplus], decodedLength: 5 }, 'MalformedTrailerError')
})

test('decodeAwsChunked() fails with what the source failed with, and cancels it', async () => {
  const gone = new Error('client gone')
  const cancelled: Error[] = []
  const source: ByteSource = {
    length: undefined,
    read: async () => {
      throw gone
    },
    cancel: (reason) => cancelled.push(reason),
  }
  const decoded = decodeAwsChunked(source, { mode: 'unsigned-trailer', decodedLength: 5, trailerNames: [] })
  await assert.rejects(decoded.read(), gone)
  await assert.rejects(decoded.read(), gone)
  assert.deepEqual(cancelled, [gone])
})

test('parseTrailerNames() reads lists and refuses what no field name is', () => {
  assert.deepEqual(parseTrailerNames(undefined), [])
  assert.deepEqual(parseTrailerNames('X-Amz-Checksum-CRC32, x-two'), ['x-amz-checksum-crc32', 'x-two'])
  for (const value of ['', ',', 'a b', 'a,a', 'a:b', Array.from({ length: 17 }, (_, i) => `a${i}`).join(',')]) {
    assert.throws(() => parseTrailerNames(value), Refusal, value)
  }
})

test('parseDecodedLength() wants a plain number', () => {
  assert.equal(parseDecodedLength('0'), 0)
  assert.equal(parseDecodedLength('5368709120'), 5_368_709_120)
  assert.throws(
    () => parseDecodedLength(undefined),
    (error) => error instanceof Refusal && error.status === 411,
  )
  for (const value of ['', '-1', '1.5', '0x1', '1e3', '9'.repeat(16)]) assert.throws(() => parseDecodedLength(value), Refusal, value)
})

test('encodeAwsChunkedUnsigned() is what decodeAwsChunked() reads, of exactly the announced length', async () => {
  const property = fc.asyncProperty(aBody, fc.boolean(), async (pieces, known) => {
    const body = Buffer.concat(pieces)
    const encoded = encodeAwsChunkedUnsigned(sourceOf(...pieces), {
      decodedLength: known ? body.length : undefined,
      trailerNames: [CRC32C],
      trailers: () => [CRC32C, crc32cOf(body)],
    })
    const framed = Buffer.from((await collect(encoded, MAX_BYTES)) ?? [])
    assert.equal(encoded.length, known ? framed.length : undefined)
    const source = decoder({ mode: 'unsigned-trailer', framed: [framed], decodedLength: body.length, trailerNames: [CRC32C] })
    assert.deepEqual(Buffer.from((await collect(source, MAX_BYTES)) ?? []), body)
  })
  await fc.assert(property, { numRuns: 200 })
})

test('encodeAwsChunkedUnsigned() knows the length over chunk borders and copies nothing', async () => {
  const piece = Buffer.alloc(700_000, 7)
  for (const count of [1, 2, 3, 4, 7]) {
    const pieces = Array.from({ length: count }, () => piece)
    const encoded = encodeAwsChunkedUnsigned(sourceOf(...pieces), {
      decodedLength: count * piece.length,
      trailerNames: [],
      trailers: () => [],
    })
    const framed = (await collect(encoded, 1 << 24))!
    assert.equal(encoded.length, framed.length)
    const source = decoder({ mode: 'unsigned-trailer', framed: [framed], decodedLength: count * piece.length })
    assert.equal((await collect(source, 1 << 24))!.length, count * piece.length)
  }
})

test('encodeAwsChunkedUnsigned() fails rather than sending what was not promised', async () => {
  const body = Buffer.from('hello')
  const options = { decodedLength: 5, trailerNames: [CRC32C], trailers: () => [CRC32C, crc32cOf(body)] }
  for (const wrong of [
    { ...options, decodedLength: 4 },
    { ...options, decodedLength: 6 },
    { ...options, trailers: () => [] },
    { ...options, trailers: () => [CRC32C, 'short'] },
    { ...options, trailerNames: ['x-other'], trailers: () => ['x-other', 'a\r\nb: c'] },
  ]) {
    await assert.rejects(collect(encodeAwsChunkedUnsigned(sourceOf(body), wrong), MAX_BYTES), Refusal)
  }
})

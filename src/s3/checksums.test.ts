import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checksumFieldLength, checksumOfField, createChecksum, type ChecksumName } from './checksums.ts'

/** The check values of the catalogue of parametrised CRC algorithms, and of the hashes' standards, for "123456789". */
const CHECK_VALUES: Readonly<Record<ChecksumName, string>> = {
  crc32: 'cbf43926',
  crc32c: 'e3069283',
  crc64nvme: 'ae8b14860a799888',
  md5: '25f9e794323b453885f5181f1b624d0b',
  sha1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  sha512:
    'd9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85',
}

function digest(name: ChecksumName, ...pieces: Uint8Array[]): string {
  const checksum = createChecksum(name)
  for (const piece of pieces) checksum.update(piece)
  return checksum.digestBase64()
}

/** Bit by bit, straight from the definition. */
function slowCrc(bytes: Uint8Array, polynomial: bigint, width: bigint): bigint {
  const ones = (1n << width) - 1n
  let crc = ones
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ polynomial : crc >> 1n
  }
  return crc ^ ones
}

test('createChecksum() gives the published check values', () => {
  for (const [name, hex] of Object.entries(CHECK_VALUES) as [ChecksumName, string][]) {
    assert.equal(Buffer.from(digest(name, Buffer.from('123456789')), 'base64').toString('hex'), hex, name)
    assert.equal(checksumFieldLength(`x-amz-checksum-${name}`), digest(name).length, name)
  }
})

test('createChecksum() agrees with the definition, however the bytes are cut', () => {
  const data = fc.uint8Array({ maxLength: 200 })
  fc.assert(
    fc.property(data, data, (first, second) => {
      const whole = Buffer.concat([first, second])
      const crc64 = slowCrc(whole, 0x9a6c9329ac4bc9b5n, 64n).toString(16).padStart(16, '0')
      assert.equal(Buffer.from(digest('crc64nvme', first, second), 'base64').toString('hex'), crc64)
      const crc32c = slowCrc(whole, 0x82f63b78n, 32n).toString(16).padStart(8, '0')
      assert.equal(Buffer.from(digest('crc32c', first, second), 'base64').toString('hex'), crc32c)
      for (const name of ['crc32', 'sha1'] as const) assert.equal(digest(name, first, second), digest(name, whole))
    }),
  )
})

test('checksumOfField() knows which fields are checksums that can be computed', () => {
  assert.equal(checksumOfField('x-amz-checksum-crc64nvme'), 'crc64nvme')
  for (const field of ['x-amz-checksum-type', 'x-amz-checksum-xxhash64', 'x-amz-checksum-toString', 'crc32', 'etag']) {
    assert.equal(checksumOfField(field), undefined, field)
  }
  assert.equal(checksumFieldLength('x-amz-checksum-xxhash128'), 24)
  assert.equal(checksumFieldLength('x-amz-checksum-type'), undefined)
})

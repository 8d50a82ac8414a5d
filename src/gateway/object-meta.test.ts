import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMeta, encodeMeta } from './object-meta.ts'

test('encodeMeta() and decodeMeta() keep every field and set checksums apart', () => {
  const meta = decodeMeta(
    encodeMeta([
      'content-type',
      'text/plain',
      'etag',
      '"a"',
      'last-modified',
      'Tue, 01 Jul 2025 00:00:00 GMT',
      'x-amz-checksum-crc32',
      'AAAAAA==',
      'x-amz-meta-colour',
      'blåå',
      'cache-control',
      'no-store',
    ]),
  )
  assert.equal(meta.lastModified, 'Tue, 01 Jul 2025 00:00:00 GMT')
  assert.equal(meta.checksumLines, 'x-amz-checksum-crc32: AAAAAA==\r\n')
  assert.equal(
    meta.fieldLines,
    'Accept-Ranges: bytes\r\nContent-Type: text/plain\r\nETag: "a"\r\nLast-Modified: Tue, 01 Jul 2025 00:00:00 GMT\r\nx-amz-meta-colour: blå\xe5\r\nCache-Control: no-store\r\n',
  )
})

test('encodeMeta() of nothing decodes to what every object has', () => {
  assert.deepEqual(decodeMeta(encodeMeta([])), { lastModified: '', checksumLines: '', fieldLines: 'Accept-Ranges: bytes\r\n' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { shiftChecksum } from './checksum-shift.ts'

test('the checksum of a whole follows from those of its parts', () => {
  const bytes = fc.uint8Array({ maxLength: 3000 })
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 0, max: 0xffffffff }), (first, second, seed) => {
      const whole = crc32(Buffer.concat([first, second]), seed)
      assert.equal((shiftChecksum(crc32(first, seed), second.length) ^ crc32(second)) >>> 0, whole)
    }),
  )
})

test('a checksum moves over as many bytes as a record has', () => {
  const zeros = Buffer.alloc(1024 * 1024 + 70_000)
  assert.equal((shiftChecksum(0x12345678, zeros.length) ^ crc32(zeros)) >>> 0, crc32(zeros, 0x12345678))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GROWTH_BYTES_MAX, uploadAll } from '../stress/large-uploads.ts'

const MIB = 1024 * 1024

test('large uploads stream through two workers whole, and memory does not grow with them', async (t) => {
  for (const { what, baseBytes, peakBytes } of await uploadAll({ putBytes: 64 * MIB, multipartBytes: 256 * MIB }, 2)) {
    const grown = peakBytes - baseBytes
    t.diagnostic(`${what}: grown by ${Math.round(grown / MIB)} MiB`)
    assert.ok(grown <= GROWTH_BYTES_MAX, `${what}: grown by ${Math.round(grown / MIB)} MiB`)
  }
})

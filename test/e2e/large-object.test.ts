import assert from 'node:assert/strict'
import { request } from 'undici'
import { after, before, test } from 'node:test'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin, patternBytes } from '../support/memory-origin.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
/** The bar: budget of the cache plus 200 MiB. */
const RSS_BYTES_MAX = 256 * MIB + 200 * MIB

const origin = new MemoryOrigin()
let hotbucket: HotbucketProcess

before(async () => {
  const url = await origin.start()
  hotbucket = await startHotbucket(['--origin', url, '--anonymous', '--memory', '256MiB', '--log-level', 'warn'])
})

after(async () => {
  await hotbucket.stop()
  await origin.stop()
})

test('a 64 KiB range of a 5 GiB object costs the origin at most 2 MiB', async () => {
  const version = origin.putPattern('/big/ranged.bin', 5 * GIB)
  const start = 3 * GIB + 123_457
  const response = await request(`${hotbucket.endpoint}/big/ranged.bin`, { headers: { range: `bytes=${start}-${start + 64 * KIB - 1}` } })
  assert.equal(response.statusCode, 206)
  assert.equal(response.headers['content-range'], `bytes ${start}-${start + 64 * KIB - 1}/${5 * GIB}`)
  assert.deepEqual(new Uint8Array(await response.body.arrayBuffer()), patternBytes(version, start, start + 64 * KIB))
  assert.ok(origin.sentBytes() <= 2 * MIB, `the origin sent ${origin.sentBytes()} bytes`)
})

test('a 5 GiB object streams through a 256 MiB cache within budget plus 200 MiB of RSS', async () => {
  // One block of bytes, repeated: the origin's cost stays out of the picture.
  const block = patternBytes(7, 0, MIB)
  const sizeBytes = 5 * GIB
  origin.objects.set('/big/stream.bin', {
    etag: '"stream"',
    sizeBytes,
    lastModifiedMs: Date.UTC(2026, 0, 1),
    read: (start, end) => block.subarray(start % MIB, (start % MIB) + (end - start)),
  })
  const response = await request(`${hotbucket.endpoint}/big/stream.bin`)
  assert.equal(response.statusCode, 200)
  let at = 0
  let rssBytesMax = 0
  let nextSampleAt = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    compareWithBlock(chunk, at, block)
    at += chunk.length
    if (at < nextSampleAt) continue
    nextSampleAt = at + 64 * MIB
    rssBytesMax = Math.max(rssBytesMax, await hotbucket.rssBytes())
  }
  assert.equal(at, sizeBytes)
  assert.ok(rssBytesMax < RSS_BYTES_MAX, `RSS rose to ${Math.round(rssBytesMax / MIB)} MiB`)
})

function compareWithBlock(chunk: Buffer, at: number, block: Uint8Array): void {
  for (let done = 0; done < chunk.length;) {
    const offset = (at + done) % MIB
    const length = Math.min(chunk.length - done, MIB - offset)
    const same = chunk.compare(block, offset, offset + length, done, done + length) === 0
    if (!same) assert.fail(`bytes differ within ${at + done}-${at + done + length}`)
    done += length
  }
}

import assert from 'node:assert/strict'
import test from 'node:test'
import { collect, sourceOf } from './base/byte-source.ts'
import { ChunkGarbage, watchChunks } from './chunk-garbage.ts'

const MIB = 1024 ** 2

test('chunks of 4 MiB are collected, counted in both directions, and bodies are as they were', async () => {
  let collections = 0
  const garbage = new ChunkGarbage({ minor: () => collections++, major: () => assert.fail('nothing survived'), externalBytes: () => 0 })
  const chunks = Array.from({ length: 12 }, (_, i) => new Uint8Array(MIB).fill(i))
  let uploaded: Uint8Array | undefined
  const origin = watchChunks(
    {
      name: 'o',
      send: async (request) => {
        uploaded = await collect(request.body, 16 * MIB)
        return { status: 200, headers: [], body: sourceOf(...chunks) }
      },
      close: async () => undefined,
    },
    garbage,
  )
  const body = sourceOf(...chunks.slice(0, 2))
  const request = { method: 'PUT', bucket: 'b', rawKey: 'k', rawQuery: '', headers: [], body, bodyLength: 2 * MIB } as unknown
  const response = await origin.send(request as Parameters<typeof origin.send>[0])
  assert.equal(uploaded?.length, 2 * MIB)
  // What was sent is held twice.
  assert.equal(collections, 1)
  const downloaded = await collect(response.body, 16 * MIB)
  assert.equal(collections, 4)
  assert.ok(Buffer.concat(chunks).equals(downloaded ?? new Uint8Array()))
})

test('what minor collections leave is collected by a major one', () => {
  const done: string[] = []
  let heldBytes = 20 * MIB
  const garbage = new ChunkGarbage({
    minor: () => done.push('minor'),
    major: () => {
      done.push('major')
      heldBytes = 21 * MIB
    },
    externalBytes: () => heldBytes,
  })
  for (const now of [20, 27.9, 28, 28.9, 29]) {
    heldBytes = now * MIB
    garbage.passed(16 * MIB)
  }
  assert.deepEqual(done, ['minor', 'minor', 'minor', 'major', 'minor', 'minor', 'major'])
})

test('the more is kept, the more may survive before all of it is marked again', () => {
  let majors = 0
  let heldBytes = 0
  const garbage = new ChunkGarbage({ minor: () => undefined, major: () => majors++, externalBytes: () => heldBytes })
  for (let kept = 0; kept <= 512; kept += 4) {
    heldBytes = kept * MIB
    garbage.passed(16 * MIB)
  }

  assert.equal(majors, 15)
})

test('chunks that nobody holds any more do not add up', () => {
  const garbage = new ChunkGarbage()
  const heldBytes = (): number => process.memoryUsage().arrayBuffers
  const before = heldBytes()
  let most = 0
  for (let i = 0; i < 4096; i++) {
    garbage.passed(Buffer.allocUnsafeSlow(64 * 1024).length)
    most = Math.max(most, heldBytes() - before)
  }
  // V8 alone lets them grow to some 100 MiB, the collections of every 4 MiB to less than 20.
  assert.ok(most <= 64 * MIB, `${most} bytes of dead chunks were held`)
})

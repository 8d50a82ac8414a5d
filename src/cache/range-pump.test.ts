import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceOf, type ByteSource } from '../base/byte-source.ts'
import { BodyMismatch, VersionGone, type FetchRange } from './api.ts'
import { pumpRange, type RangeSpec } from './range-pump.ts'
import { Gate, headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'

const version = headOf('k', '"v"', 1000)

function specOf(origin: ScriptedOrigin, more: Partial<RangeSpec> = {}): RangeSpec {
  return { version, start: 100, end: 900, source: undefined, fetch: origin.fetch, signal: new AbortController().signal, ...more }
}

async function pumped(spec: RangeSpec): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  await pumpRange(spec, (chunk) => {
    chunks.push(Buffer.from(chunk))
    return undefined
  })
  return Buffer.concat(chunks)
}

test('pumpRange() brings exactly the range, by fetching or from a body that is there', async () => {
  const origin = new ScriptedOrigin({ chunkBytes: 77 })
  const wanted = origin.content(version).subarray(100, 900)
  assert.ok((await pumped(specOf(origin))).equals(wanted))
  assert.ok((await pumped(specOf(origin, { source: sourceOf(Buffer.from(wanted)) }))).equals(wanted))
  assert.equal(origin.calls.length, 1)
})

test('pumpRange() resumes once where a body broke off or ended early', async () => {
  for (const fault of [{ breaksAt: 0 }, { breaksAt: 333 }, { endsAt: 333 }, { endsAt: 0 }]) {
    const origin = new ScriptedOrigin({ chunkBytes: 100 })
    origin.fault(fault)
    assert.ok((await pumped(specOf(origin))).equals(origin.content(version).subarray(100, 900)))
    const at = 100 + (fault.breaksAt ?? fault.endsAt ?? 0)
    assert.deepEqual([origin.calls[1]?.start, origin.calls[1]?.end], [at, 900])
    assert.equal(origin.calls[0]?.source.cancelled, true)
  }
})

test('pumpRange() gives up after the second failure', async () => {
  const origin = new ScriptedOrigin({ chunkBytes: 100 })
  origin.fault({ breaksAt: 100 }, { endsAt: 50 })
  await assert.rejects(pumped(specOf(origin)), (error) => error instanceof BodyMismatch && !error.longer)
  assert.equal(origin.calls.length, 2)
})

test('pumpRange() refuses a body that is longer than asked for, announced or not', async () => {
  const origin = new ScriptedOrigin()
  origin.fault({ extraBytes: 1 })
  await assert.rejects(pumped(specOf(origin)), (error) => error instanceof BodyMismatch && error.longer)
  await assert.rejects(pumped(specOf(origin, { source: sourceOf(Buffer.alloc(801)) })), /801 bytes: wanted 800/)
  assert.equal(origin.calls.length, 1)
})

test('pumpRange() does not ask again for a version that is gone', async () => {
  const origin = new ScriptedOrigin()
  origin.remove(version)
  await assert.rejects(pumped(specOf(origin)), VersionGone)
})

test('pumpRange() does not resume after a failure of the sink', async () => {
  const origin = new ScriptedOrigin()
  await assert.rejects(
    pumpRange(specOf(origin), () => {
      throw new Error('sink')
    }),
    /sink/,
  )
  assert.equal(origin.calls.length, 1)
})

test('pumpRange() cancels the body at once when it is aborted', async () => {
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate })
  const abort = new AbortController()
  const pump = assert.rejects(pumped(specOf(origin, { signal: abort.signal })), /enough/)
  await new Promise((resolve) => setImmediate(resolve))
  abort.abort(new Error('enough'))
  assert.equal(origin.calls[0]?.source.cancelled, true)
  gate.open()
  await pump
  assert.equal(origin.calls.length, 1)
})

test('pumpRange() cancels a body that comes after the abort', async () => {
  const abort = new AbortController()
  let cancelled = false
  const late: ByteSource = {
    length: undefined,
    read: async () => undefined,
    cancel: () => {
      cancelled = true
    },
  }
  const fetch: FetchRange = async () => {
    abort.abort(new Error('enough'))
    return late
  }
  await assert.rejects(pumped(specOf(new ScriptedOrigin(), { fetch, signal: abort.signal })), /enough/)
  assert.equal(cancelled, true)
})

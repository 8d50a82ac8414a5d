import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ByteSource } from './base/byte-source.ts'
import type { Origin } from './origin/origin.ts'

/** Bodies pass in chunks of up to 64 KiB outside the heap. That many bytes of chunks may be dead before they are collected. */
const COLLECT_BYTES = 16 * 1024 * 1024

/**
 * Collects the chunks of bodies that have passed. A chunk weighs some hundred bytes in the heap and 64 KiB outside, so new space would
 * hold hundreds of megabytes of dead ones before it is full; asked for by bytes, a minor collection of half a millisecond frees them. So
 * new space can be as large as is best for small requests.
 */
export class ChunkGarbage {
  readonly #collect: () => void
  #passedBytes = 0

  constructor(collect: () => void = minorCollector()) {
    this.#collect = collect
  }

  passed(bytes: number): void {
    this.#passedBytes += bytes
    if (this.#passedBytes < COLLECT_BYTES) return
    this.#passedBytes = 0
    this.#collect()
  }
}

/** The origin with the bodies to and from it watched. */
export function watchChunks(origin: Origin, garbage: ChunkGarbage): Origin {
  return {
    name: origin.name,
    send: async (request) => {
      const response = await origin.send({ ...request, body: new WatchedBody(request.body, garbage) })
      return { ...response, body: new WatchedBody(response.body, garbage) }
    },
    close: async () => origin.close(),
  }
}

class WatchedBody implements ByteSource {
  readonly length: number | undefined
  readonly #body: ByteSource
  readonly #garbage: ChunkGarbage

  constructor(body: ByteSource, garbage: ChunkGarbage) {
    this.length = body.length
    this.#body = body
    this.#garbage = garbage
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#body.read()
    if (chunk !== undefined) this.#garbage.passed(chunk.length)
    return chunk
  }

  cancel(reason: Error): void {
    this.#body.cancel(reason)
  }
}

/** V8 has no API for a minor collection but the one for tests; the flag changes nothing else. */
function minorCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void
  return () => gc({ type: 'minor' })
}

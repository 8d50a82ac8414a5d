import { getHeapStatistics } from 'node:v8'
import type { ByteSource } from './base/byte-source.ts'
import type { Origin } from './origin/origin.ts'
import { v8Gc } from './v8-gc.ts'

/**
 * Bodies pass in chunks of up to 64 KiB outside the heap. That many bytes of chunks may be dead before they are collected. With four times as many V8 finds the memory
 * outside a small heap to have grown, and marks all of the heap again and again on other threads, which costs as much as the bodies themselves.
 */
const COLLECT_BYTES = 4 * 1024 * 1024
/**
 * Chunks that two minor collections have met on their way stay until a major one. That many bytes of them may, or a quarter of what lives; a major
 * collection of a worker's small heap takes some 10 ms, and comes about once for a GiB. What is kept for slow readers lives, and may be hundreds of MiB that
 * come one by one: with a fixed limit they would be marked over and over.
 */
const SURVIVED_BYTES = 8 * 1024 * 1024
const SURVIVED_SHARE = 0.25
/** Bytes of a request body are two chunks: what the client sent, and what goes on of it. */
const UPLOAD_WEIGHT = 2

/** What collects, and tells how much is held outside the heap. */
export interface Collector {
  minor(): void
  major(): void
  externalBytes(): number
}

/**
 * Collects the chunks of bodies that have passed. A chunk weighs some hundred bytes in the heap and 64 KiB outside, so new space would
 * hold hundreds of megabytes of dead ones before it is full; asked for by bytes, a minor collection of half a millisecond frees them. So
 * new space can be as large as is best for small requests.
 */
export class ChunkGarbage {
  readonly #collector: Collector
  #passedBytes = 0
  /** What is held outside the heap where no chunk is dead. */
  #livingBytes: number | undefined

  constructor(collector: Collector = v8Collector()) {
    this.#collector = collector
  }

  passed(bytes: number): void {
    this.#passedBytes += bytes
    if (this.#passedBytes < COLLECT_BYTES) return
    this.#passedBytes = 0
    this.#collector.minor()
    const heldBytes = this.#collector.externalBytes()
    this.#livingBytes ??= heldBytes
    if (heldBytes - this.#livingBytes < Math.max(SURVIVED_BYTES, this.#livingBytes * SURVIVED_SHARE)) return
    this.#collector.major()
    this.#livingBytes = this.#collector.externalBytes()
  }
}

/** The origin with the bodies to and from it watched. */
export function watchChunks(origin: Origin, garbage: ChunkGarbage): Origin {
  return {
    name: origin.name,
    send: async (request) => {
      const response = await origin.send({ ...request, body: new WatchedBody(request.body, garbage, UPLOAD_WEIGHT) })
      return { ...response, body: new WatchedBody(response.body, garbage, 1) }
    },
    close: async () => origin.close(),
  }
}

class WatchedBody implements ByteSource {
  readonly length: number | undefined
  readonly #body: ByteSource
  readonly #garbage: ChunkGarbage
  readonly #weight: number

  constructor(body: ByteSource, garbage: ChunkGarbage, weight: number) {
    this.length = body.length
    this.#body = body
    this.#garbage = garbage
    this.#weight = weight
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#body.read()
    if (chunk !== undefined) this.#garbage.passed(chunk.length * this.#weight)
    return chunk
  }

  cancel(reason: Error): void {
    this.#body.cancel(reason)
  }
}

function v8Collector(): Collector {
  const gc = v8Gc()
  return {
    minor: () => gc({ type: 'minor' }),
    major: () => gc({ type: 'major' }),
    externalBytes: () => getHeapStatistics().external_memory,
  }
}

import { createHash } from 'node:crypto'

import type { ByteSource } from '../../src/base/byte-source.ts'
import { emptySource } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'

/** Bodies are windows of this much noise. */
const NOISE_BYTES = 1024 ** 2
const PIECE_BYTES = 256 * 1024
/** Odd, so that objects with neighbouring numbers begin at different places. */
const STRIDE_BYTES = 4099
const MODIFIED = 'Sat, 21 Nov 2026 00:00:00 GMT'

/** Where an object's bytes begin in the noise. */
export interface GeneratedObject {
  readonly sizeBytes: number
  readonly number: number
}

/** The target of an object that `GeneratedOrigin` knows: `/generated/SIZE/NUMBER`. */
export function generatedPath(sizeBytes: number, number: number | ''): string {
  return `/generated/${sizeBytes}/${number}`
}

/**
 * An origin with any number of objects of any size, made when they are asked for: key `SIZE/NUMBER`, content by both. Knows GET and
 * HEAD with one range; everything else is 404. Costs little, so that what is in front of it is what is measured.
 */
export class GeneratedOrigin implements Origin {
  readonly name = 'generated'
  readonly #noise: Buffer

  constructor() {
    const one = makeNoise()
    // Twice, so that a piece never has to be put together.
    this.#noise = Buffer.concat([one, one])
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    const object = parseKey(request.rawKey)
    if (object === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      return { status: 404, headers: ['content-length', '0'], body: emptySource }
    }
    const range = parseRange(headerValue(request.headers, 'range'), object.sizeBytes)
    const start = range?.start ?? 0
    const end = range?.end ?? object.sizeBytes
    const length = String(end - start)
    const etag = `"${object.sizeBytes}-${object.number}"`
    const headers = ['content-length', length, 'etag', etag, 'last-modified', MODIFIED, 'content-type', 'application/octet-stream']
    if (range !== undefined) headers.push('content-range', `bytes ${start}-${end - 1}/${object.sizeBytes}`)
    const body = request.method === 'HEAD' ? emptySource : this.#body(object, start, end)
    return { status: range === undefined ? 200 : 206, headers, body }
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }

  #body(object: GeneratedObject, start: number, end: number): ByteSource {
    let at = start
    return {
      length: end - start,
      read: async () => {
        if (at >= end) return undefined
        const from = (at + object.number * STRIDE_BYTES) % NOISE_BYTES
        const piece = this.#noise.subarray(from, from + Math.min(PIECE_BYTES, end - at))
        at += piece.length
        return piece
      },
      cancel: () => {
        at = end
      },
    }
  }
}

/** `SIZE/NUMBER` */
function parseKey(rawKey: string | undefined): GeneratedObject | undefined {
  const match = /^([1-9]\d{0,11})\/(\d{1,12})$/.exec(rawKey ?? '')
  return match === null ? undefined : { sizeBytes: Number(match[1]), number: Number(match[2]) }
}

/** `bytes=A-B` and `bytes=A-`; undefined for anything else, which means the whole object. */
function parseRange(text: string | undefined, sizeBytes: number): { readonly start: number; readonly end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(text ?? '')
  if (match === null) return undefined
  const start = Number(match[1])
  const end = match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1)
  return start < end ? { start, end } : undefined
}

/** The same bytes in every process. */
function makeNoise(): Buffer {
  const noise = Buffer.alloc(NOISE_BYTES)
  for (let at = 0; at < NOISE_BYTES; at += 32) createHash('sha256').update(`noise ${at}`).digest().copy(noise, at)
  return noise
}

import { sourceOf, collect, emptySource } from '../../src/base/byte-source.ts'
import { headerValue, type HeaderList } from '../../src/base/header-list.ts'
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { patternBytes } from './memory-origin.ts'

/** A version that the origin holds or held; its bytes follow from its number. */
export interface OriginVersion {
  readonly number: number
  readonly etag: string
  readonly sizeBytes: number
}

const PIECE_BYTES = 64 * 1024

/**
 * An origin in this process, for interleavings: every answer and every piece of a body waits for `turn`, so that a seed decides
 * who comes first. A PUT body is the decimal size of the new version. Answers and bodies are of the version that was there when
 * the answer began, as S3's are.
 */
export class ScriptedOrigin implements Origin {
  readonly name = 'scripted'
  readonly objects = new Map<string, OriginVersion>()
  readonly #turn: () => Promise<void>
  #nextNumber = 1

  constructor(turn: () => Promise<void>) {
    this.#turn = turn
  }

  /** A write at once, as by somebody who does not come through hotbucket. */
  put(key: string, sizeBytes: number): OriginVersion {
    const number = this.#nextNumber++
    const version = { number, etag: `"v${number}"`, sizeBytes }
    this.objects.set(key, version)
    return version
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    await this.#turn()
    const key = request.rawKey ?? ''
    if (request.method === 'PUT') {
      const body = await collect(request.body, 100)
      const version = this.put(key, Number(Buffer.from(body ?? []).toString('latin1')))
      await this.#turn()
      return { status: 200, headers: ['etag', version.etag, 'content-length', '0'], body: emptySource }
    }
    if (request.method === 'DELETE') {
      this.objects.delete(key)
      await this.#turn()
      return { status: 204, headers: [], body: emptySource }
    }
    const answer = this.#read(key, request)
    await this.#turn()
    return answer
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }

  #read(key: string, request: OriginRequest): OriginResponse {
    const version = this.objects.get(key)
    if (version === undefined) return refuse(404, 'NoSuchKey')
    const ifMatch = headerValue(request.headers, 'if-match')
    if (ifMatch !== undefined && ifMatch !== version.etag) return refuse(412, 'PreconditionFailed')
    const range = rangeOf(headerValue(request.headers, 'range'), version.sizeBytes)
    if (range === undefined) return refuse(416, 'InvalidRange')
    const partial = range.partial ? ['content-range', `bytes ${range.start}-${range.end - 1}/${version.sizeBytes}`] : []
    const headers: HeaderList = ['etag', version.etag, 'content-length', String(range.end - range.start), ...partial]
    if (request.method === 'HEAD') return { status: 200, headers, body: emptySource }
    return { status: range.partial ? 206 : 200, headers, body: this.#body(version, range.start, range.end) }
  }

  #body(version: OriginVersion, start: number, end: number): OriginResponse['body'] {
    let at = start
    let cancelled = false
    return {
      length: end - start,
      read: async () => {
        await this.#turn()
        if (cancelled || at >= end) return undefined
        const from = at
        at = Math.min(end, at + PIECE_BYTES)
        return patternBytes(version.number, from, at)
      },
      cancel: () => {
        cancelled = true
      },
    }
  }
}

function refuse(status: number, code: string): OriginResponse {
  const body = Buffer.from(`<Error><Code>${code}</Code></Error>`)
  return { status, headers: ['content-type', 'application/xml', 'content-length', String(body.length)], body: sourceOf(body) }
}

function rangeOf(header: string | undefined, sizeBytes: number): { start: number; end: number; partial: boolean } | undefined {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header)
  if (match === null) return { start: 0, end: sizeBytes, partial: false }
  if (match[1] === '')
    return sizeBytes === 0 ? undefined : { start: Math.max(0, sizeBytes - Number(match[2])), end: sizeBytes, partial: true }
  const start = Number(match[1])
  if (start >= sizeBytes) return undefined
  return { start, end: match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1), partial: true }
}

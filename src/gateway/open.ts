import { collect } from '../base/byte-source.ts'
import { headerValue, type HeaderList } from '../base/header-list.ts'
import type { HeadInfo } from '../cache/api.ts'
import { alignRun } from '../cache/run.ts'
import { OriginFailure, type OriginResponse } from '../origin/origin.ts'
import { storableResponse, type Storability } from '../s3/cacheability.ts'
import { contentLength, storedFields, withoutChecksums, withoutUntoldChecksums } from '../s3/headers.ts'
import { formatRange, parseContentRange, parseRange, type ByteRange } from '../s3/range.ts'
import type { Gateway } from './gateway.ts'
import type { ObjectAsk } from './object-ask.ts'
import { encodeMeta } from './object-meta.ts'
import { isOfVersion } from './object-version.ts'
import { askForObject, discard } from './origin-call.ts'

/** What the origin said of an object that was not in the cache. */
export type Opened =
  /** `originStatus`: undefined where the origin did not have to be asked. */
  | { readonly kind: 'version'; readonly info: HeadInfo; readonly stored: boolean; readonly originStatus: number | undefined }
  /** Some other answer (404, 403, 503 …), small enough to be given to everyone who waits. To HEAD it came without its body. */
  | {
      readonly kind: 'answer'
      readonly asked: 'GET' | 'HEAD'
      readonly status: number
      readonly headers: HeaderList
      readonly body: Uint8Array
    }
  /** What there was on disk is in memory now: look again. */
  | { readonly kind: 'recalled' }
  /** No strong ETag, no length: only a request of one's own can answer. */
  | { readonly kind: 'uncacheable' }

const ANSWER_BYTES_MAX = 256 * 1024

/**
 * Opens an absent object by asking for what the client wants: all of it, or the first run of its range. The answer's own head tells
 * version and size, its body goes into the cache and from there to everyone who reads. Who wants all is not given a part first: only an
 * answer about the whole shows its checksums.
 */
export async function openByGet(gateway: Gateway, object: ObjectAsk, range: string | undefined): Promise<Opened> {
  const generation = gateway.cache.generation(object.cacheKey)
  const askedAtMs = gateway.askTimes.next()
  const response = await askForObject(gateway, object, { method: 'GET', extra: range === undefined ? [] : ['range', firstRange(range)] })
  if (response.status === 416) {
    // Nothing at that place: the object is empty or shorter. Its head tells, and the answer follows from it.
    await discard(response.body)
    const opened = await openByHead(gateway, object)
    // An answer without its body would not do, and asking again would end here again.
    return opened.kind === 'answer' && opened.status !== 404 ? { kind: 'uncacheable' } : opened
  }
  if (response.status !== 200 && response.status !== 206) return otherAnswer(response, 'GET')
  const understood = understandAnswer(object, response, askedAtMs)
  if (understood === undefined) {
    response.body.cancel(new Error('not storable'))
    return { kind: 'uncacheable' }
  }
  const { info } = understood
  gateway.cache.adopt({
    ...understood,
    body: response.body,
    generation,
    ask: object,
  })
  return { kind: 'version', info, stored: true, originStatus: response.status }
}

/** Which bytes of which version a 200 or 206 carries; undefined where that cannot be told for certain, or must not be kept. */
export function understandAnswer(
  object: ObjectAsk,
  response: OriginResponse,
  askedAtMs: number,
): (ByteRange & { readonly info: HeadInfo }) | undefined {
  const extent = extentOf(response)
  const verdict = storableObject(object, response)
  if (extent === undefined || !verdict.storable) return undefined
  return { ...extent, info: headInfo(object, response, verdict, askedAtMs) }
}

/** Opens an object by HEAD: where no body is wanted, or a condition may make it unnecessary. */
export async function openByHead(gateway: Gateway, object: ObjectAsk): Promise<Opened> {
  const generation = gateway.cache.generation(object.cacheKey)
  const askedAtMs = gateway.askTimes.next()
  const response = await askForObject(gateway, object, { method: 'HEAD', extra: [] })
  if (response.status !== 200) return otherAnswer(response, 'HEAD')
  await discard(response.body)
  const verdict = storableObject(object, response)
  if (!verdict.storable) return { kind: 'uncacheable' }
  const info = headInfo(object, response, verdict, askedAtMs)
  const stored = gateway.cache.putHead(info, generation)
  return { kind: 'version', info, stored, originStatus: 200 }
}

function storableObject(object: ObjectAsk, response: OriginResponse): Storability {
  const { status, headers } = response
  return isOfVersion(object.version?.value, headers) ? storableResponse(status, headers) : { storable: false, reason: 'other-version' }
}

async function otherAnswer(response: OriginResponse, asked: 'GET' | 'HEAD'): Promise<Opened> {
  const body = await collect(response.body, ANSWER_BYTES_MAX)
  if (body === undefined)
    throw new OriginFailure('protocol', `Cannot use an answer ${response.status}: its body is longer than ${ANSWER_BYTES_MAX} bytes`)
  return { kind: 'answer', asked, status: response.status, headers: response.headers, body }
}

/** The Range of the first request: what the client wants, at most one run, ending on a block. Suffix ranges go up as they are. */
export function firstRange(value: string): string {
  const spec = parseRange(value)
  if (spec === undefined || spec === 'unusual') return formatRange(alignRun(0, undefined))
  if (spec.kind === 'suffix') return `bytes=-${spec.length}`
  return formatRange(alignRun(spec.first, spec.kind === 'span' ? spec.last + 1 : undefined))
}

/** Which bytes an answer carries, from Content-Range or Content-Length. */
function extentOf(response: OriginResponse): ByteRange | undefined {
  const length = contentLength(response.headers)
  if (response.status === 200) return length === undefined ? undefined : { start: 0, end: length }
  const range = parseContentRange(headerValue(response.headers, 'content-range') ?? '')?.range
  if (range === undefined || (length !== undefined && length !== range.end - range.start)) return undefined
  return range
}

function headInfo(
  object: ObjectAsk,
  { status, headers }: OriginResponse,
  version: { readonly etag: string; readonly sizeBytes: number },
  askedAtMs: number,
): HeadInfo {
  const { etag, sizeBytes } = version
  const fields = storedFields(headers)
  const meta = status === 206 ? encodeMeta(withoutChecksums(fields), 'part') : encodeMeta(withoutUntoldChecksums(fields))
  return { key: object.cacheKey, etag, sizeBytes, meta, validatedAtMs: askedAtMs }
}

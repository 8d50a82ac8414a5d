import type { ByteSource } from '../base/byte-source.ts'
import { headerValue } from '../base/header-list.ts'
import { VersionGone, type FetchAsk, type FetchRange, type ObjectVersion } from '../cache/api.ts'
import { OriginFailure, type OriginResponse } from '../origin/origin.ts'
import { contentLength } from '../s3/headers.ts'
import { formatRange, parseContentRange } from '../s3/range.ts'
import type { ObjectAsk } from './object-ask.ts'
import { askForObject, discard, type OriginCalls } from './origin-call.ts'
import { partOf } from './part-of.ts'

/** Makes of an ask, which a request on any thread left with the cache, how the cache fetches for it here. */
export function fetcherOf(calls: OriginCalls): (ask: FetchAsk) => FetchRange {
  return (ask) => fetchRangeOf(calls, ask as ObjectAsk)
}

/**
 * How the cache fetches the gaps of a version for a request: every ranged GET carries If-Match, and the answer must be
 * exactly those bytes of exactly that version, so that no body can mix two of them.
 */
function fetchRangeOf(calls: OriginCalls, object: ObjectAsk): FetchRange {
  return async (version, start, end, signal) => {
    const range = formatRange({ start, end })
    const response = await askForObject(calls, object, { method: 'GET', extra: ['range', range, 'if-match', version.etag], signal })
    if (response.status === 206 || response.status === 200) {
      checkVersion(version, headerValue(response.headers, 'etag'), response.body)
      return extentOf(response, { version, start, end })
    }
    await discard(response.body)
    // Whatever it is that the origin denies now: the version can no longer be had from it.
    if (response.status >= 400 && response.status < 500) {
      throw new VersionGone(`Cannot fetch ${range} of version ${version.etag}: the origin answered ${response.status}`)
    }
    throw new OriginFailure('unreachable', `Cannot fetch ${range}: the origin answered ${response.status}, wanted 206`)
  }
}

function checkVersion(version: ObjectVersion, etag: string | undefined, body: ByteSource): void {
  if (etag === version.etag) return
  body.cancel(new Error('another version'))
  throw new VersionGone(`Cannot fetch version ${version.etag}: the origin answered with ${etag ?? 'no ETag'}`)
}

/** The body of exactly the wanted bytes. A 200 is the whole object: what some origins answer to any range. */
function extentOf(
  response: OriginResponse,
  wanted: { readonly version: ObjectVersion; readonly start: number; readonly end: number },
): ByteSource {
  const { status, headers, body } = response
  const { version, start, end } = wanted
  if (status === 200 && (contentLength(headers) ?? version.sizeBytes) === version.sizeBytes) {
    return end - start === version.sizeBytes ? body : partOf(body, start, end)
  }
  const contentRange = headerValue(headers, 'content-range') ?? ''
  const got = status === 206 ? parseContentRange(contentRange) : undefined
  if (got?.range?.start === start && got.range.end === end && got.sizeBytes === version.sizeBytes) return body
  body.cancel(new Error('other bytes than asked for'))
  throw new OriginFailure(
    'protocol',
    `Cannot use answer ${status} with content-range "${contentRange}": wanted bytes ${start}-${end - 1}/${version.sizeBytes}`,
  )
}

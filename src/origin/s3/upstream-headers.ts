import { headerValues, type HeaderList } from '../../base/header-list.ts'
import { isHopByHop } from '../../s3/headers.ts'
import { EMPTY_SHA256, UNSIGNED_PAYLOAD } from '../../s3/sigv4/canonical.ts'
import type { OriginRequest, Payload } from '../origin.ts'

const TRAILER_PAYLOAD = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

/** Fields that are made here and never taken over. `expect`: bodies are sent without waiting, so the origin must not be told otherwise. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'expect',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-security-token',
  'x-amz-trailer',
])

/** The `x-amz-content-sha256` that a payload is signed with. */
export function payloadHash(payload: Payload): string {
  switch (payload.kind) {
    case 'none':
      return EMPTY_SHA256
    case 'sha256':
      return payload.hex
    case 'unsigned':
      return UNSIGNED_PAYLOAD
    case 'trailer':
      return TRAILER_PAYLOAD
  }
}

/**
 * The fields of a request besides its signature and Content-Length. With a trailer the body goes up in aws-chunked framing, and
 * `aws-chunked` comes last in Content-Encoding: codings are listed in the order in which they were applied (RFC 9110 section 8.4),
 * as the AWS SDKs do it.
 */
export function upstreamHeaders(request: OriginRequest, host: string): string[] {
  const { headers, payload, bodyLength } = request
  const sent = ['host', host]
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const mergedBelow = payload.kind === 'trailer' && name === 'content-encoding'
    if (!isHopByHop(name) && !OWN_FIELDS.has(name) && !mergedBelow) sent.push(name, headers[i + 1] ?? '')
  }
  if (payload.kind !== 'trailer') return sent
  sent.push('content-encoding', [...contentCodings(headers), 'aws-chunked'].join(','), 'x-amz-trailer', payload.names.join(','))
  if (bodyLength !== undefined) sent.push('x-amz-decoded-content-length', String(bodyLength))
  return sent
}

function contentCodings(headers: HeaderList): string[] {
  return headerValues(headers, 'content-encoding')
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked')
}

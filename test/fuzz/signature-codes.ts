import type { S3ErrorCode } from '../../src/s3/errors.ts'
import type { Mutation } from './message-mutations.ts'
import { authorizationOf, decoded, parametersOf, targetOf, valuesOf } from './signature-meaning.ts'
import type { Message, SignedSample } from './signed-samples.ts'

/** What a changed request may be answered with; `anonymous` where nothing is left that says that it is signed. */
export type Verdict = S3ErrorCode | 'anonymous' | 'accepted'

const MALFORMED_HEADER = 'AuthorizationHeaderMalformed'
const MALFORMED_QUERY = 'AuthorizationQueryParametersError'

/** The codes that S3 has for a message that does not mean what was signed. */
export function expectedCodes(sample: SignedSample, { message, part }: Mutation): readonly Verdict[] {
  const { path, query } = targetOf(message)
  if (parametersOf(query) === undefined) return ['InvalidURI']
  const presigned = valuesOf(sample.message, 'authorization').length === 0
  const codes = presigned ? urlCodes(sample, message) : headerCodes(sample, message, part)
  const late = codes.includes('SignatureDoesNotMatch') && decoded(path) === undefined
  return late ? ['InvalidURI', ...codes.filter((code) => code !== 'SignatureDoesNotMatch')] : codes
}

/** Signed by header. The order is S3's: what the field says, when it was signed, what was signed, by whom, and last the signature. */
function headerCodes(sample: SignedSample, message: Message, part: string): readonly Verdict[] {
  const values = valuesOf(message, 'authorization')
  if (values.length === 0) return ['anonymous']
  if (part === 'value of authorization') return authorizationCodes(sample, message)
  const [amzDate, ...moreDates] = valuesOf(message, 'x-amz-date')
  if (moreDates.length > 0) return ['InvalidRequest']
  const dateCode = dateCodeOf(sample, amzDate)
  if (dateCode !== undefined) return [dateCode]
  const [payload, ...morePayloads] = valuesOf(message, 'x-amz-content-sha256')
  if (payload === undefined || morePayloads.length > 0) return ['InvalidRequest']
  if (!/^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD)$/.test(payload)) return ['InvalidArgument']
  const signedNames = authorizationOf(values[0])?.signedHeaders.split(';') ?? []
  return hasUnsigned(message, signedNames) ? ['AccessDenied'] : ['SignatureDoesNotMatch']
}

function hasUnsigned(message: Message, signedNames: readonly string[]): boolean {
  return message.headers.some((name, i) => i % 2 === 0 && name.startsWith('x-amz-') && !signedNames.includes(name))
}

/** The code for a date that is none, of another day than the scope's, or too far away; undefined for one that will do. */
function dateCodeOf(sample: SignedSample, text: string | undefined): S3ErrorCode | undefined {
  const timeMs = timeOf(text ?? '')
  if (timeMs === undefined) return 'AccessDenied'
  if (text?.slice(0, 8) !== '20260301') return MALFORMED_HEADER
  return Math.abs(timeMs - sample.nowMs) > sample.options.skewMs ? 'RequestTimeTooSkewed' : undefined
}

function timeOf(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  // Dates of the first century are nobody's.
  if (match === null || text.startsWith('00')) return undefined
  const iso = `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}.000Z`
  const timeMs = Date.parse(iso)
  return Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== iso ? undefined : timeMs
}

function authorizationCodes(sample: SignedSample, message: Message): readonly Verdict[] {
  const value = valuesOf(message, 'authorization')[0] ?? ''
  const algorithm = value.split(/[ \t]/)[0] ?? ''
  if (algorithm !== 'AWS4-HMAC-SHA256')
    return algorithm.startsWith('AWS4-') || algorithm === 'AWS' ? ['InvalidRequest'] : ['InvalidArgument']
  const said = authorizationOf(value)
  if (said === undefined) return [MALFORMED_HEADER]
  if (!isRightScope(sample, said.credential, '20260301')) return [MALFORMED_HEADER]
  return lateCodes(sample, message, { ...said, malformed: MALFORMED_HEADER })
}

/** Whether a credential is an access key and the scope of that day. */
function isRightScope(sample: SignedSample, credential: string, day: string): boolean {
  const parts = credential.split('/')
  const region = sample.options.region ?? parts.at(-3) ?? ''
  return parts.slice(-4).join('/') === `${day}/${region}/s3/aws4_request` && parts.slice(0, -4).join('/') !== ''
}

/** Signed fields, who signed, and the signature: the same in both places. */
function lateCodes(
  sample: SignedSample,
  message: Message,
  said: { readonly credential: string; readonly signedHeaders: string; readonly malformed: Verdict },
): readonly Verdict[] {
  const names = said.signedHeaders.split(';')
  if (names.includes('') || new Set(names).size < names.length) return [said.malformed]
  if (!names.includes('host') || hasUnsigned(message, names)) return ['AccessDenied']
  const accessKeyId = said.credential.split('/').slice(0, -4).join('/')
  return sample.options.lookup(accessKeyId) === undefined ? ['InvalidAccessKeyId'] : ['SignatureDoesNotMatch']
}

/** Presigned. A parameter that is missing, empty, there twice or not what it must be has the same code. */
function urlCodes(sample: SignedSample, message: Message): readonly Verdict[] {
  const parameters = parametersOf(targetOf(message).query) ?? []
  // A field by that name, or `X-Amz&Signature`, a signature of the old kind: one too many.
  if (valuesOf(message, 'authorization').length > 0 || parameters.some(([name]) => name === 'Signature')) return ['InvalidArgument']
  const lowerNames = parameters.map(([name]) => name.toLowerCase())
  // Without its question mark all of it is a key.
  if (!['x-amz-algorithm', 'x-amz-credential', 'x-amz-signature'].some((name) => lowerNames.includes(name))) return ['anonymous']
  const value = (name: string): string => {
    const values = parameters.filter((_, i) => lowerNames[i] === `x-amz-${name}`)
    return values.length === 1 ? (values[0]?.[1] ?? '') : ''
  }
  const credential = value('credential')
  const signedHeaders = value('signedheaders')
  const timeMs = timeOf(value('date'))
  const seconds = /^\d+$/.test(value('expires')) ? Number(value('expires')) : 0
  const unknown = value('algorithm') !== 'AWS4-HMAC-SHA256' || value('signature') === '' || signedHeaders === ''
  const wrongScope = !isRightScope(sample, credential, value('date').slice(0, 8))
  if (unknown || wrongScope || timeMs === undefined || seconds < 1 || seconds > 604_800) return [MALFORMED_QUERY]
  const early = sample.nowMs < timeMs - sample.options.skewMs
  if (early || sample.nowMs > timeMs + seconds * 1000) return ['AccessDenied']
  return lateCodes(sample, message, { credential, signedHeaders, malformed: MALFORMED_QUERY })
}

import { Refusal, type S3ErrorCode } from '../errors.ts'
import { ALGORITHM, SCOPE_END } from './canonical.ts'

/** What a signed request says of its signature, in whichever place. */
export interface SignatureClaim {
  readonly accessKeyId: string
  readonly day: string
  readonly region: string
  readonly service: string
  /** `day/region/service/aws4_request` */
  readonly scope: string
  /** The SignedHeaders text, as it is part of what is signed. */
  readonly signedHeaders: string
  readonly signature: string
}

/** The error code for what is malformed: it says in which of the two places. */
type MalformedCode = Extract<S3ErrorCode, 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError'>

const PREFIX: Readonly<Record<MalformedCode, string>> = {
  AuthorizationHeaderMalformed: 'The authorization header is malformed; ',
  AuthorizationQueryParametersError: 'Error parsing the X-Amz-Credential parameter; ',
}

/** Parts of an Authorization value; more is no signature. */
const COMPONENTS = ['Credential', 'SignedHeaders', 'Signature']

/**
 * Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`; blanks after the commas are optional. Throws Refusal
 * AuthorizationHeaderMalformed, and InvalidRequest or InvalidArgument for other ways to sign.
 */
export function parseAuthorization(value: string): SignatureClaim {
  const space = value.search(/[ \t]/)
  const algorithm = space < 0 ? value : value.slice(0, space)
  checkAlgorithm(algorithm)
  const found = new Map<string, string>()
  for (const component of space < 0 ? [] : value.slice(space + 1).split(',')) {
    const equals = component.indexOf('=')
    const name = component.slice(0, Math.max(0, equals)).trim()
    if (!COMPONENTS.includes(name) || found.has(name)) throw malformedHeader(`unexpected component "${name}".`)
    found.set(name, component.slice(equals + 1).trim())
  }
  const [credential, signedHeaders, signature] = COMPONENTS.map((name) => found.get(name))
  if (!credential) throw malformedHeader('missing Credential.')
  if (!signedHeaders) throw malformedHeader('missing SignedHeaders.')
  if (!signature) throw malformedHeader('missing Signature.')
  return { ...parseCredential(credential, 'AuthorizationHeaderMalformed'), signedHeaders, signature }
}

function checkAlgorithm(algorithm: string): void {
  if (algorithm === ALGORITHM) return
  if (algorithm === 'AWS' || algorithm.startsWith('AWS4-')) throw unsupportedMechanism()
  throw new Refusal('InvalidArgument', { message: 'Unsupported Authorization Type', fields: { ArgumentName: 'Authorization' } })
}

/** Signature Version 2 and Version 4A: told apart from a missing signature, so that nobody takes them for anonymous. */
export function unsupportedMechanism(): Refusal {
  return new Refusal('InvalidRequest', {
    message: `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  })
}

/** Reads `accessKeyId/day/region/service/aws4_request`. Access keys may hold slashes, so the scope is the last four parts. */
export function parseCredential(
  credential: string,
  code: MalformedCode,
): Pick<SignatureClaim, 'accessKeyId' | 'day' | 'region' | 'service' | 'scope'> {
  const parts = credential.split('/')
  const [day, region, service, end] = parts.slice(-4)
  if (parts.length < 5 || day === undefined || region === undefined || service === undefined) {
    throw new Refusal(code, {
      message: `${PREFIX[code]}the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/${SCOPE_END}".`,
    })
  }
  if (end !== SCOPE_END)
    throw new Refusal(code, { message: `${PREFIX[code]}incorrect terminal "${end}". This endpoint uses "${SCOPE_END}".` })
  if (!/^\d{8}$/.test(day)) {
    throw new Refusal(code, {
      message: `${PREFIX[code]}incorrect date format "${day}". This date in the credential must be in the format "yyyyMMdd".`,
    })
  }
  const accessKeyId = parts.slice(0, -4).join('/')
  if (accessKeyId === '') throw new Refusal(code, { message: `${PREFIX[code]}the access key is empty.` })
  return { accessKeyId, day, region, service, scope: `${day}/${region}/${service}/${SCOPE_END}` }
}

/** Checks the scope against where and when the request arrived. `region` undefined: any will do. */
export function checkScope(
  claim: SignatureClaim,
  wanted: { readonly day: string; readonly region: string | undefined; readonly service: string },
  code: MalformedCode,
): void {
  const prefix = PREFIX[code]
  if (wanted.region !== undefined && claim.region !== wanted.region) {
    throw new Refusal(code, {
      message: `${prefix}the region '${claim.region}' is wrong; expecting '${wanted.region}'`,
      fields: { Region: wanted.region },
    })
  }
  if (claim.service !== wanted.service) {
    throw new Refusal(code, { message: `${prefix}incorrect service "${claim.service}". This endpoint belongs to "${wanted.service}".` })
  }
  if (claim.day !== wanted.day) {
    throw new Refusal(code, {
      message: `${prefix}Invalid credential date "${claim.day}". This date is not the same as X-Amz-Date: "${wanted.day}".`,
    })
  }
}

function malformedHeader(what: string): Refusal {
  return new Refusal('AuthorizationHeaderMalformed', { message: `${PREFIX.AuthorizationHeaderMalformed}${what}` })
}

import { Refusal, type S3ErrorCode } from '../errors.ts'
import { ALGORITHM, SCOPE_END } from './canonical.ts'
import { SignedHeaders } from './signed-headers.ts'

/** Whose key a request is signed with, and what that key is for. */
export interface Credential {
  readonly accessKeyId: string
  readonly day: string
  readonly region: string
  readonly service: string
  /** `day/region/service/aws4_request` */
  readonly scope: string
}

/** What an Authorization value says. */
export interface Authorization {
  readonly credential: Credential
  readonly signedHeaders: SignedHeaders
  readonly signature: string
}

/** The error code for what is malformed: it says in which of the two places. */
export type MalformedCode = Extract<S3ErrorCode, 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError'>

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
export function parseAuthorization(value: string): Authorization {
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
  return {
    credential: parseCredential(credential, 'AuthorizationHeaderMalformed'),
    signedHeaders: new SignedHeaders(signedHeaders),
    signature,
  }
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
export function parseCredential(credential: string, code: MalformedCode): Credential {
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
  credential: Credential,
  wanted: { readonly day: string; readonly region: string | undefined; readonly service: string },
  code: MalformedCode,
): void {
  const prefix = PREFIX[code]
  if (wanted.region !== undefined && credential.region !== wanted.region) {
    throw new Refusal(code, {
      message: `${prefix}the region '${credential.region}' is wrong; expecting '${wanted.region}'`,
      fields: { Region: wanted.region },
    })
  }
  if (credential.service !== wanted.service) {
    throw new Refusal(code, {
      message: `${prefix}incorrect service "${credential.service}". This endpoint belongs to "${wanted.service}".`,
    })
  }
  if (credential.day !== wanted.day) {
    throw new Refusal(code, {
      message: `${prefix}Invalid credential date "${credential.day}". This date is not the same as X-Amz-Date: "${wanted.day}".`,
    })
  }
}

function malformedHeader(what: string): Refusal {
  return new Refusal('AuthorizationHeaderMalformed', { message: `${PREFIX.AuthorizationHeaderMalformed}${what}` })
}

import { Refusal } from '../errors.ts'
import { dayOf, formatAmzDate, parseAmzDate } from '../sigv4/amz-date.ts'
import { ALGORITHM, SCOPE_END } from '../sigv4/canonical.ts'
import { checkScope, parseCredential, unsupportedMechanism } from '../sigv4/credential.ts'
import type { SigningCredentials } from '../sigv4/sign.ts'
import type { SigningKeyOf } from '../sigv4/signing-keys.ts'
import { formValue, type FormField } from './form.ts'

/**
 * POST policies (S3 API reference, "Creating a POST policy"). Here the signature over the policy is checked, when it ends, and what it says of
 * the signature itself; every other condition is the origin's to check, against the policy that is signed again for it.
 */
export interface PostPolicy {
  readonly expiration: string
  /** As JSON gives them: `{"name": "value"}`, `["eq" | "starts-with", "$name", "value"]`, `["content-length-range", 1, 2]`. */
  readonly conditions: readonly unknown[]
}

/** Who signed a form, and the policy they signed. */
export interface VerifiedForm {
  readonly accessKeyId: string
  readonly policy: PostPolicy
}

/** Fields about the signature: the policy that goes up names others. */
export const SIGNATURE_FIELDS: ReadonlySet<string> = new Set([
  'policy',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-signature',
])

const OLD_SIGNATURE_FIELDS = ['awsaccesskeyid', 'signature']

/** Verifies the signature in a form, or says that there is none. Throws Refusal with S3's own codes. */
export function verifyForm(
  fields: readonly FormField[],
  options: {
    readonly lookup: (accessKeyId: string) => { readonly secretAccessKey: string; readonly sessionToken?: string | undefined } | undefined
    readonly nowMs: number
    readonly signingKey: SigningKeyOf
  },
): VerifiedForm | 'anonymous' {
  if (fields.some(({ name }) => OLD_SIGNATURE_FIELDS.includes(name))) throw unsupportedMechanism()
  if (!fields.some(({ name }) => SIGNATURE_FIELDS.has(name))) return 'anonymous'
  const value = (name: string): string => formValue(fields, name) ?? missing(name)
  if (value('x-amz-algorithm') !== ALGORITHM) throw unsupportedMechanism()
  const claim = parseCredential(value('x-amz-credential'), 'AuthorizationQueryParametersError')
  const amzDate = value('x-amz-date')
  if (parseAmzDate(amzDate) === undefined)
    throw new Refusal('InvalidArgument', { message: 'X-Amz-Date must be formatted via ISO8601 Long format' })
  checkScope(claim, { day: dayOf(amzDate), region: undefined, service: 's3' }, 'AuthorizationQueryParametersError')
  const credentials = options.lookup(claim.accessKeyId)
  if (credentials === undefined) throw new Refusal('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKeyId } })
  const key = options.signingKey(credentials.secretAccessKey, claim.day, claim.region, claim.service)
  const encoded = value('policy')
  if (!key.hasSigned(encoded, value('x-amz-signature'))) throw new Refusal('SignatureDoesNotMatch')
  if (formValue(fields, 'x-amz-security-token') !== credentials.sessionToken) throw new Refusal('InvalidToken')
  const policy = parsePolicy(encoded)
  checkPolicy(policy, fields, options.nowMs)
  return { accessKeyId: claim.accessKeyId, policy }
}

/**
 * The fields of a form as an origin with these credentials wants them: the policy names its signature's fields and is signed anew. Without
 * a policy (nobody signed the form) one is made that allows what is in the form.
 */
export function signForm(
  form: { readonly fields: readonly FormField[]; readonly policy: PostPolicy | undefined },
  signing: {
    readonly credentials: SigningCredentials
    readonly bucket: string
    readonly region: string
    readonly nowMs: number
    readonly signingKey: SigningKeyOf
  },
): FormField[] {
  const { credentials, region, nowMs } = signing
  const amzDate = formatAmzDate(nowMs)
  const day = dayOf(amzDate)
  const own: FormField[] = [
    { name: 'x-amz-algorithm', value: ALGORITHM },
    { name: 'x-amz-credential', value: `${credentials.accessKeyId}/${day}/${region}/s3/${SCOPE_END}` },
    { name: 'x-amz-date', value: amzDate },
    ...(credentials.sessionToken === undefined ? [] : [{ name: 'x-amz-security-token', value: credentials.sessionToken }]),
  ]
  const kept = withoutSignature(form.fields)
  const policy = form.policy ?? openPolicy(kept, signing.bucket, nowMs)
  const conditions = policy.conditions.flatMap(withoutSignatureConditions)
  const document = { ...policy, conditions: [...conditions, ...own.map(({ name, value }) => ({ [name]: value }))] }
  const encoded = Buffer.from(JSON.stringify(document), 'utf8').toString('base64')
  const key = signing.signingKey(credentials.secretAccessKey, day, region, 's3')
  return [...kept, ...own, { name: 'policy', value: encoded }, { name: 'x-amz-signature', value: key.sign(encoded) }]
}

/** A form without what signs it. */
export function withoutSignature(fields: readonly FormField[]): FormField[] {
  return fields.filter(({ name }) => !SIGNATURE_FIELDS.has(name))
}

/** How long a policy that is made here holds: as long as a presigned request that is made here. */
const OPEN_POLICY_MS = 15 * 60_000

function openPolicy(fields: readonly FormField[], bucket: string, nowMs: number): PostPolicy {
  const expiration = new Date(nowMs + OPEN_POLICY_MS).toISOString()
  return { expiration, conditions: [{ bucket }, ...fields.map(({ name }) => ['starts-with', `$${name}`, ''])] }
}

function missing(name: string): never {
  throw new Refusal('InvalidArgument', {
    message: `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    fields: { ArgumentName: name },
  })
}

function parsePolicy(encoded: string): PostPolicy {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
  } catch (cause) {
    throw invalidPolicy('Invalid JSON.', cause)
  }
  if (!isRecord(document)) throw invalidPolicy('Invalid JSON.')
  const { expiration, conditions } = document
  if (typeof expiration !== 'string') throw invalidPolicy('Policy is missing expiration.')
  if (!Array.isArray(conditions)) throw invalidPolicy('Policy is missing conditions.')
  return { ...document, expiration, conditions }
}

function checkPolicy(policy: PostPolicy, fields: readonly FormField[], nowMs: number): void {
  const endMs = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(policy.expiration) ? Date.parse(policy.expiration) : Number.NaN
  if (Number.isNaN(endMs)) throw invalidPolicy("Invalid 'expiration' value.")
  if (nowMs >= endMs) throw new Refusal('AccessDenied', { message: 'Invalid according to Policy: Policy expired.' })
  for (const condition of policy.conditions) {
    for (const { operator, name, value } of conditionsOf(condition)) {
      if (!SIGNATURE_FIELDS.has(name)) continue
      const actual = formValue(fields, name) ?? ''
      const holds = operator === 'eq' ? actual === value : operator === 'starts-with' && actual.startsWith(value)
      if (holds) continue
      throw new Refusal('AccessDenied', {
        message: `Invalid according to Policy: Policy Condition failed: ["${operator}", "$${name}", "${value}"]`,
      })
    }
  }
}

export interface PolicyCondition {
  readonly operator: string
  /** In lower case. */
  readonly name: string
  readonly value: string
}

/** What a condition says of fields; nothing for `content-length-range` and for what only the origin may understand. */
export function conditionsOf(condition: unknown): PolicyCondition[] {
  if (Array.isArray(condition)) {
    const [operator, name, value] = condition as unknown[]
    if (typeof operator !== 'string' || typeof name !== 'string' || !name.startsWith('$')) return []
    return [{ operator: operator.toLowerCase(), name: name.slice(1).toLowerCase(), value: String(value) }]
  }
  if (!isRecord(condition)) return []
  return Object.entries(condition).map(([name, value]) => ({ operator: 'eq', name: name.toLowerCase(), value: String(value) }))
}

function withoutSignatureConditions(condition: unknown): unknown[] {
  const about = conditionsOf(condition).map(({ name }) => name)
  if (!about.some((name) => SIGNATURE_FIELDS.has(name))) return [condition]
  if (!isRecord(condition)) return []
  const kept = Object.entries(condition).filter(([name]) => !SIGNATURE_FIELDS.has(name.toLowerCase()))
  return kept.length === 0 ? [] : [Object.fromEntries(kept)]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function invalidPolicy(why: string, cause?: unknown): Refusal {
  return new Refusal('InvalidPolicyDocument', { message: `Invalid Policy: ${why}`, ...(cause === undefined ? {} : { cause }) })
}

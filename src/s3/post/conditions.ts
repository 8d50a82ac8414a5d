import { Refusal } from '../errors.ts'
import { formValue, type FormField } from './form.ts'
import { conditionsOf, invalidPolicy, SIGNATURE_FIELDS, type PostPolicy } from './policy.ts'

/** How large a policy lets the file be. */
export interface FileBounds {
  readonly minBytes: number
  readonly maxBytes: number
}

/** Fields that no condition needs to mention (S3 API reference, "Creating a POST policy"). */
const FREE_PREFIX = 'x-ignore-'

/**
 * Checks a form against what its client signed: every condition must hold, and every field must be one that a condition is about. Gives
 * the bounds of the file, which is still to come. `fields` hold the key as it will be; fields of the signature are not looked at.
 * Throws Refusal AccessDenied, InvalidPolicyDocument.
 */
export function checkConditions(policy: PostPolicy, form: { readonly bucket: string; readonly fields: readonly FormField[] }): FileBounds {
  const mentioned = new Set<string>()
  let bounds: FileBounds = { minBytes: 0, maxBytes: Infinity }
  for (const condition of policy.conditions) {
    const range = rangeOf(condition)
    if (range !== undefined) {
      bounds = { minBytes: Math.max(bounds.minBytes, range.minBytes), maxBytes: Math.min(bounds.maxBytes, range.maxBytes) }
      continue
    }
    const said = conditionsOf(condition)
    if (said.length === 0) throw invalidPolicy(`Invalid Simple-Condition: ${JSON.stringify(condition)}`)
    for (const { operator, name, value } of said) {
      if (SIGNATURE_FIELDS.has(name)) continue
      mentioned.add(name)
      const actual = name === 'bucket' ? form.bucket : textOf(formValue(form.fields, name) ?? '')
      if (!holds(operator, actual, value)) throw refused(`Policy Condition failed: ["${operator}", "$${name}", "${value}"]`)
    }
  }
  const extra = form.fields.filter(({ name }) => !mentioned.has(name) && !SIGNATURE_FIELDS.has(name) && !name.startsWith(FREE_PREFIX))
  if (extra.length > 0) throw refused(`Extra input fields: ${extra.map(({ name }) => name).join(', ')}`)
  return bounds
}

function rangeOf(condition: unknown): FileBounds | undefined {
  if (!Array.isArray(condition)) return undefined
  const [operator, ...bounds] = condition as unknown[]
  if (typeof operator !== 'string' || operator.toLowerCase() !== 'content-length-range') return undefined
  const [minBytes, maxBytes] = bounds.map(Number)
  const isRange = bounds.length === 2 && Number.isSafeInteger(minBytes) && Number.isSafeInteger(maxBytes)
  if (!isRange || minBytes === undefined || maxBytes === undefined || minBytes < 0 || maxBytes < minBytes) {
    throw invalidPolicy(`Invalid content-length-range: ${JSON.stringify(condition)}`)
  }
  return { minBytes, maxBytes }
}

function holds(operator: string, actual: string, value: string): boolean {
  if (operator === 'eq') return actual === value
  if (operator === 'starts-with') return actual.startsWith(value)
  throw invalidPolicy(`Invalid condition operator: "${operator}"`)
}

/** Policies are JSON in UTF-8, fields are bytes. */
function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function refused(why: string): Refusal {
  return new Refusal('AccessDenied', { message: `Invalid according to Policy: ${why}` })
}

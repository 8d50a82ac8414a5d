/**
 * `npm run test:signatures`: signed requests with every byte changed to every other, taken out, and every byte put in between. Each is
 * refused with the code that S3 has for it, or means the same as before.
 */
import { parseArgs } from 'node:util'
import { splitTarget } from '../../src/s3/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { Refusal } from '../../src/s3/errors.ts'
import { TwoVerifiers } from '../support/two-verifiers.ts'
import { mutationsOf, type Choice, type Mutation } from './message-mutations.ts'
import { expectedCodes, type Verdict } from './signature-codes.ts'
import { meaningOf } from './signature-meaning.ts'
import { signedSamples, type Message, type SignedSample } from './signed-samples.ts'

export interface SignatureSummary {
  readonly cases: number
  readonly verdicts: ReadonlyMap<Verdict, number>
}

/** A changed request that was not judged as it should be. */
export class Misjudgement extends Error {
  override readonly name = 'Misjudgement'
}

/** Changes every place of every sample. Throws a Misjudgement. */
export function fuzzSignatures(choose: Choice): SignatureSummary {
  const verdicts = new Map<Verdict, number>()
  let cases = 0
  for (const sample of signedSamples()) {
    const verifier = new TwoVerifiers(sample.options)
    const original = judge(verifier, sample.message, sample.nowMs)
    if (original !== 'accepted') throw new Misjudgement(`${sample.name}: ${original}`)
    const meaning = meaningOf(sample.message)
    for (const mutation of mutationsOf(sample.message, choose)) {
      const verdict = judge(verifier, mutation.message, sample.nowMs)
      const expected = meaningOf(mutation.message) === meaning ? ['accepted' as const] : expectedCodes(sample, mutation)
      if (!expected.includes(verdict)) throw new Misjudgement(describe(sample, mutation, { verdict, expected }))
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
      cases += 1
    }
  }
  return { cases, verdicts }
}

/** A choice of `count` bytes for each place, and the one that differs in case. */
export function someBytes(seed: number, count: number): Choice {
  const random = seededRandom(seed)
  return (allowed, old) => {
    const other = old === undefined ? undefined : String.fromCharCode(old.charCodeAt(0) ^ 0x20)
    const chosen = other !== undefined && allowed.includes(other) ? [other] : []
    for (let i = 0; i < count; i++) chosen.push(allowed[Math.floor(random() * allowed.length)]!)
    return chosen
  }
}

function judge(verifier: TwoVerifiers, message: Message, nowMs: number): Verdict {
  const { method, target, headers } = message
  try {
    return verifier.verify({ method, ...splitTarget(target), headers }, nowMs) === 'anonymous' ? 'anonymous' : 'accepted'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.code
  }
}

function describe(sample: SignedSample, mutation: Mutation, found: { verdict: Verdict; expected: readonly Verdict[] }): string {
  const where = `"${sample.name}", ${mutation.part}, byte ${mutation.at}`
  return `${where}: ${found.verdict}, wanted ${found.expected.join(' or ')}\n${JSON.stringify(mutation.message, undefined, 1)}`
}

function main(): void {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, bytes: { type: 'string' } } })
  const choose: Choice = values.bytes === undefined ? (allowed) => allowed : someBytes(Number(values.seed ?? 1), Number(values.bytes))
  const { cases, verdicts } = fuzzSignatures(choose)
  console.log(`${cases} changed requests, all judged as they should be`)
  for (const [verdict, count] of [...verdicts].sort((a, b) => b[1] - a[1]))
    console.log(`  ${verdict.padEnd(36)}${String(count).padStart(9)}`)
}

if (import.meta.main) main()

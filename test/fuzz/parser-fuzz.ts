import { parseArgs } from 'node:util'
import { compareReadings } from './compare-readings.ts'
import { NodeReader } from './node-reading.ts'
import { OurReader } from './our-reading.ts'
import { generateCase } from './request-generator.ts'

/** What a run saw; the words are our refusal reasons. */
export interface FuzzSummary {
  readonly cases: number
  readonly requests: number
  /** Cases that ended in a refusal of ours. */
  readonly refusals: ReadonlyMap<string, number>
  /** Of those, the ones in which Node refused nothing: what strictness costs. */
  readonly stricter: ReadonlyMap<string, number>
}

/** A case that our parser and Node's disagree about. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}

/** Runs `count` cases from `first` on. Throws a Disagreement that names seed and case. */
export function fuzzParser(options: { readonly seed: number; readonly count: number; readonly first?: number }): FuzzSummary {
  const { seed, count, first = 0 } = options
  const ours = new OurReader()
  const node = new NodeReader()
  const refusals = new Map<string, number>()
  const stricter = new Map<string, number>()
  let requests = 0
  for (let index = first; index < first + count; index += 1) {
    const { bytes, packets, clean } = generateCase(seed, index)
    const our = ours.read(packets)
    const theirs = node.read([bytes])
    const difference =
      compareReadings(our, theirs) ?? (clean && our.refusal !== undefined ? `a clean case is refused: ${our.refusal}` : undefined)
    if (difference !== undefined) throw new Disagreement(describe({ seed, index, difference, bytes, packets: packets.length }))
    requests += our.requests.length
    if (our.refusal === undefined) continue
    increment(refusals, our.refusal)
    if (theirs.refusal === undefined) increment(stricter, our.refusal)
  }
  return { cases: count, requests, refusals, stricter }
}

function describe(found: { seed: number; index: number; difference: string; bytes: Buffer; packets: number }): string {
  const again = `node test/fuzz/parser-fuzz.ts --seed ${found.seed} --first ${found.index} --count 1`
  return `${found.difference}\nseed ${found.seed}, case ${found.index}, ${found.packets} packets: ${JSON.stringify(found.bytes.toString('latin1'))}\nagain: ${again}`
}

function increment(counts: Map<string, number>, word: string): void {
  counts.set(word, (counts.get(word) ?? 0) + 1)
}

function main(): void {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' }, first: { type: 'string' } } })
  const seed = Number(values.seed ?? process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007)
  const count = Number(values.count ?? process.env['FUZZ_COUNT'] ?? 1_000_000)
  console.log(`parser fuzz: seed ${seed}, ${count} cases`)
  const startMs = performance.now()
  const summary = fuzzParser({ seed, count, first: Number(values.first ?? 0) })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${summary.requests} requests accepted in ${seconds} s; no disagreement`)
  for (const [reason, cases] of [...summary.refusals].sort((a, b) => b[1] - a[1])) {
    console.log(
      `  ${reason.padEnd(24)} refused ${String(cases).padStart(8)}  Node did not ${String(summary.stricter.get(reason) ?? 0).padStart(8)}`,
    )
  }
}

if (import.meta.main) main()

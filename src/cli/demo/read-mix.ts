import type { SampleObject, SamplePlan } from './sample-plan.ts'
import { zipfSampler } from './zipf.ts'

/** One read of the load, and what a right answer to it looks like. */
export interface PlannedRead {
  readonly method: 'GET' | 'HEAD'
  readonly object: SampleObject
  /** Value of the Range field; absent: the whole object. */
  readonly range: string | undefined
  readonly status: 200 | 206
  /** Bytes [start, end) of the object that the answer describes. */
  readonly start: number
  readonly end: number
}

const KIB = 1024
const MIB = 1024 ** 2

const ZIPF_EXPONENT = 1
const HEAD_SHARE = 0.08
/** Of reads of an object of at least LARGE_BYTES: how many want all of it. Readers of tables and of shards mostly do not. */
const LARGE_WHOLE_SHARE = 0.2
const LARGE_BYTES = MIB
const SMALL_WHOLE_SHARE = 0.95
/** Of the ranged reads: how many want the end, as readers of Parquet footers and zip directories do. */
const FOOTER_SHARE = 0.5
const FOOTER_BYTES = 64 * KIB
const MIDDLE_BYTES_MAX = MIB

/** An endless stream of reads: Zipf popularity, and whole, ranged and HEAD requests in the proportions above. */
export function readMix(plan: SamplePlan, random: () => number): () => PlannedRead {
  const drawRank = zipfSampler(plan.objects.length, ZIPF_EXPONENT, random)
  return () => {
    const object = plan.objects[drawRank()]
    if (object === undefined) throw new Error('Cannot draw a read from an empty plan')
    if (random() < HEAD_SHARE) return { method: 'HEAD', object, range: undefined, status: 200, start: 0, end: object.sizeBytes }
    const wholeShare = object.sizeBytes >= LARGE_BYTES ? LARGE_WHOLE_SHARE : SMALL_WHOLE_SHARE
    if (random() < wholeShare) return { method: 'GET', object, range: undefined, status: 200, start: 0, end: object.sizeBytes }
    return random() < FOOTER_SHARE ? footer(object) : middle(object, random)
  }
}

function footer(object: SampleObject): PlannedRead {
  const start = Math.max(0, object.sizeBytes - FOOTER_BYTES)
  return { method: 'GET', object, range: `bytes=-${FOOTER_BYTES}`, status: 206, start, end: object.sizeBytes }
}

function middle(object: SampleObject, random: () => number): PlannedRead {
  const length = 1 + Math.floor(random() * Math.min(MIDDLE_BYTES_MAX, object.sizeBytes))
  const start = Math.floor(random() * (object.sizeBytes - length + 1))
  const end = start + length
  return { method: 'GET', object, range: `bytes=${start}-${end - 1}`, status: 206, start, end }
}

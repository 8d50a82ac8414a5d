import { createCipheriv, createHash, type Cipheriv } from 'node:crypto'

import { seededRandom } from '../../base/random.ts'

/** One object of the sample data. Its content follows from the seed and its number alone. */
export interface SampleObject {
  /** Number within the plan; names the content. */
  readonly index: number
  readonly bucket: string
  readonly key: string
  readonly sizeBytes: number
}

export interface SamplePlan {
  readonly seed: number
  /** In order of popularity, the most popular first. */
  readonly objects: readonly SampleObject[]
  readonly totalBytes: number
}

const KIB = 1024
const MIB = 1024 ** 2

export const SAMPLE_OBJECTS_DEFAULT = 600
export const SAMPLE_OBJECTS_MIN = 10
export const SAMPLE_OBJECTS_MAX = 20_000
export const SAMPLE_SEED_DEFAULT = 1
/** The whole data set stays below this, whatever the number of objects. */
export const SAMPLE_TOTAL_BYTES_MAX = 768 * MIB
const OBJECT_BYTES_MIN = KIB
const OBJECT_BYTES_MAX = 64 * MIB

export const SAMPLE_BUCKETS = ['analytics', 'training', 'media', 'logs'] as const

/** A kind of object: how large (log-normal), how many of the whole, and how its keys look. */
interface Family {
  readonly bucket: (typeof SAMPLE_BUCKETS)[number]
  /** Share of the objects; all shares sum to 1. */
  readonly share: number
  readonly medianBytes: number
  /** Standard deviation of the logarithm of the size. */
  readonly spread: number
  readonly key: (number: number, hex: string) => string
}

const FAMILIES: readonly Family[] = [
  {
    bucket: 'training',
    share: 0.06,
    medianBytes: 3 * MIB,
    spread: 1,
    key: (number) => `vision/train/shard-${digits(number, 6)}.tar`,
  },
  {
    bucket: 'training',
    share: 0.08,
    medianBytes: 4 * KIB,
    spread: 0.6,
    key: (number) => `vision/index/shard-${digits(number, 6)}.json`,
  },
  {
    bucket: 'analytics',
    share: 0.22,
    medianBytes: 600 * KIB,
    spread: 1,
    key: (number, hex) => `events/dt=2026-03-${digits((number % 28) + 1, 2)}/part-${digits(number, 5)}-${hex}.snappy.parquet`,
  },
  {
    bucket: 'media',
    share: 0.08,
    medianBytes: 1.5 * MIB,
    spread: 1,
    key: (number, hex) => `videos/${hex}/${['360p', '720p', '1080p'][number % 3]}-${digits(number, 4)}.mp4`,
  },
  {
    bucket: 'media',
    share: 0.3,
    medianBytes: 24 * KIB,
    spread: 0.7,
    key: (number, hex) => `thumbnails/${hex.slice(0, 2)}/${hex}-${digits(number, 4)}.jpg`,
  },
  {
    bucket: 'logs',
    share: 0.26,
    medianBytes: 40 * KIB,
    spread: 1.4,
    key: (number) => `edge/2026/03/${digits((number % 28) + 1, 2)}/${digits(number % 24, 2)}/edge-${digits(number, 4)}.json.gz`,
  },
]

/** Which objects the demo has: heavy-tailed sizes from 1 KiB to 64 MiB, the same for the same seed and number. */
export function samplePlan(seed: number, objectCount: number): SamplePlan {
  const random = seededRandom(seed)
  const planned = FAMILIES.flatMap((family, familyIndex) => {
    const last = familyIndex === FAMILIES.length - 1
    const before = FAMILIES.slice(0, familyIndex).reduce((sum, each) => sum + Math.round(each.share * objectCount), 0)
    const count = last ? objectCount - before : Math.round(family.share * objectCount)
    return Array.from({ length: Math.max(0, count) }, (_, number) => planObject(family, number, random))
  })
  const sized = withBothExtremes(withinTotal(planned))
  const objects = shuffled(
    sized.map((object, index) => ({ ...object, index })),
    random,
  )
  return { seed, objects, totalBytes: sumOfSizes(objects) }
}

/**
 * The bytes of an object from an offset on, as many as asked for at each call: an AES-128-CTR key stream, because it is
 * incompressible, runs at gigabytes a second, and can be entered at any offset, so that a reader can check any range.
 */
export function sampleContent(seed: number, object: SampleObject, offset: number): (length: number) => Buffer {
  const key = createHash('sha256').update(`hotbucket sample ${seed}`).digest().subarray(0, CTR_BLOCK_BYTES)
  const counter = Buffer.alloc(CTR_BLOCK_BYTES)
  counter.writeUInt32BE(object.index, 0)
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / CTR_BLOCK_BYTES)), 8)
  const cipher: Cipheriv = createCipheriv('aes-128-ctr', key, counter)
  cipher.update(Buffer.alloc(offset % CTR_BLOCK_BYTES))
  return (length) => cipher.update(Buffer.alloc(length))
}

const CTR_BLOCK_BYTES = 16

type UnnumberedObject = Omit<SampleObject, 'index'>

function planObject(family: Family, number: number, random: () => number): UnnumberedObject {
  const sizeBytes = clampSize(family.medianBytes * Math.exp(family.spread * standardNormal(random)))
  const hex = Math.floor(random() * 0x100000000)
    .toString(16)
    .padStart(8, '0')
  return { bucket: family.bucket, key: family.key(number, hex), sizeBytes }
}

/** The smallest and the largest size always occur, so that every size class of the cache is exercised. */
function withBothExtremes(objects: readonly UnnumberedObject[]): UnnumberedObject[] {
  const largest = objects.reduce((best, object, i) => (object.sizeBytes > (objects[best]?.sizeBytes ?? 0) ? i : best), 0)
  const smallest = objects.reduce((best, object, i) => (object.sizeBytes < (objects[best]?.sizeBytes ?? 0) ? i : best), 0)
  return objects.map((object, i) => {
    if (i === largest) return { ...object, sizeBytes: OBJECT_BYTES_MAX }
    return i === smallest ? { ...object, sizeBytes: OBJECT_BYTES_MIN } : object
  })
}

/** Shrinks everything in proportion where the total would be above the limit; leaves room for the one largest object. */
function withinTotal(objects: readonly UnnumberedObject[]): UnnumberedObject[] {
  const total = sumOfSizes(objects)
  const room = SAMPLE_TOTAL_BYTES_MAX - OBJECT_BYTES_MAX - objects.length * OBJECT_BYTES_MIN
  if (total <= room) return [...objects]
  return objects.map((object) => ({ ...object, sizeBytes: clampSize((object.sizeBytes * room) / total) }))
}

function sumOfSizes(objects: readonly UnnumberedObject[]): number {
  return objects.reduce((sum, object) => sum + object.sizeBytes, 0)
}

function clampSize(sizeBytes: number): number {
  return Math.min(OBJECT_BYTES_MAX, Math.max(OBJECT_BYTES_MIN, Math.round(sizeBytes)))
}

/** Box and Muller's transform. */
function standardNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const moved = result[i]
    const other = result[j]
    if (moved !== undefined && other !== undefined) {
      result[i] = other
      result[j] = moved
    }
  }
  return result
}

function digits(value: number, width: number): string {
  return value.toString().padStart(width, '0')
}

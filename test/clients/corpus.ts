import { createCipheriv, createHash } from 'node:crypto'

const MIB = 1024 * 1024

/** An object that the tests put somewhere: where, and with which bytes. */
export interface Specimen {
  /** What the report calls it. */
  readonly label: string
  readonly key: string
  readonly body: Buffer
}

const SIZES: readonly (readonly [string, number])[] = [
  ['0 B', 0],
  ['1 B', 1],
  ['4 KiB', 4096],
  ['1 MiB-1', MIB - 1],
  ['1 MiB', MIB],
  ['1 MiB+1', MIB + 1],
  ['5 MiB', 5 * MIB],
  ['20 MiB', 20 * MIB],
]

/** Keys that some link of the chain is likely to decode, encode, normalise or split. */
const KEYS: readonly (readonly [string, string])[] = [
  ['spaces', 'keys/with some  spaces.txt'],
  ['plus', 'keys/plus+and+plus.txt'],
  ['unicode', 'keys/ünïcödé-日本語-😀.txt'],
  ['%2F', 'keys/percent%2Fslash.txt'],
  ['percent', 'keys/100%25 %zz %.txt'],
  ['punctuation', "keys/!-_.*'()&$@=;:,?#[]~|^.txt"],
  ['xml', 'keys/<a>&amp;"b".txt'],
  ['a//b', 'keys/a//b'],
  ['leading slash', '/keys/leading.txt'],
  ['trailing slash', 'keys/folder/'],
  ['dot segment', 'keys/./dot.txt'],
  ['dot dot segment', 'keys/x/../up.txt'],
  ['dots', 'keys/..hidden...'],
  ['1,000 bytes', `keys/${'long/'.repeat(198)}end.1`],
]

/** `sizeBytes` bytes that depend on nothing but the two arguments: equal names, equal bytes. */
export function bodyOf(name: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(name).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}

export function specimen(label: string, key: string, sizeBytes: number): Specimen {
  return { label, key, body: bodyOf(key, sizeBytes) }
}

/** One object of every size, under plain keys below `prefix`. */
export function sizeSpecimens(prefix: string, sizeBytesMax = Infinity): Specimen[] {
  return SIZES.filter(([, sizeBytes]) => sizeBytes <= sizeBytesMax).map(([label, sizeBytes]) =>
    specimen(label, `${prefix}${sizeBytes}.bin`, sizeBytes),
  )
}

/** One small object under every awkward key; `prefix` goes in front of the key, so '' keeps the leading slash one. */
export function keySpecimens(prefix: string): Specimen[] {
  return KEYS.map(([label, key], index) => specimen(label, `${prefix}${key}`, 100 + index))
}

/** Where two byte strings differ, in words; undefined where they are equal. */
export function difference(actual: Buffer, expected: Buffer): string | undefined {
  if (actual.equals(expected)) return undefined
  const shorter = Math.min(actual.length, expected.length)
  let at = 0
  while (at < shorter && actual[at] === expected[at]) at++
  return `got ${actual.length} bytes, sha256 ${sha256(actual).slice(0, 16)}; wanted ${expected.length}, ${sha256(expected).slice(0, 16)}; first difference at ${at}`
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

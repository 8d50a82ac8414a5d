/**
 * CRC-32 (zlib's, reflected) as polynomials over GF(2): what it takes to compute with checksums of parts without reading the parts
 * again. `crc32(ab) = shiftChecksum(crc32(a), b.length) ^ crc32(b)`, and the same with any first value in the place of `crc32(a)`.
 */
const POLYNOMIAL = 0xedb88320

/** x^0. */
const ONE = 0x80000000

/** x^(2^k): more than lengths of records need. */
const POWERS: readonly number[] = powers()

/** What `checksum` becomes when `lengthBytes` zero bytes follow, but for what those bytes add themselves. */
export function shiftChecksum(checksum: number, lengthBytes: number): number {
  let factor = ONE
  // Eight bits a byte: the first power is x^8.
  for (let bits = lengthBytes, k = 3; bits > 0; bits = Math.floor(bits / 2), k++) {
    if (bits % 2 === 1) factor = multiply(POWERS[k] ?? ONE, factor)
  }
  return multiply(factor, checksum)
}

function powers(): number[] {
  const all = [0x40000000]
  for (let k = 1; k < 32; k++) {
    const last = all[k - 1] ?? 0
    all.push(multiply(last, last))
  }
  return all
}

/** The product of two polynomials, whose highest bit is x^0, modulo the checksum's. */
function multiply(left: number, right: number): number {
  let product = 0
  let shifted = right
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((left & bit) !== 0) product ^= shifted
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1
  }
  return product >>> 0
}

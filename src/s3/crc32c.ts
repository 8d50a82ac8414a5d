import { BYTE_VALUES, littleEndian32, sliceBy8, SLICES } from './crc-slicing.ts'

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4): polynomial 0x1EDC6F41, here bit-reversed. */
const POLYNOMIAL = 0x82f63b78

let tables: Int32Array | undefined

/** Continues a CRC-32C; `state` is the value so far, 0 at the start. */
export function crc32c(bytes: Uint8Array, state = 0): number {
  tables ??= makeTables()
  let crc = ~state
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc = sliceBy8(tables, crc ^ littleEndian32(bytes, at), littleEndian32(bytes, at + 4))
  }
  for (; at < bytes.length; at++) crc = (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * BYTE_VALUES)
  for (let byte = 0; byte < BYTE_VALUES; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    made[byte] = crc
  }
  for (let at = BYTE_VALUES; at < made.length; at++) {
    const before = made[at - BYTE_VALUES] ?? 0
    made[at] = (made[before & 0xff] ?? 0) ^ (before >>> 8)
  }
  return made
}

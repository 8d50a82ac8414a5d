/**
 * "Slicing by 8": a CRC takes eight bytes at a time. Table k (of 256 entries, the tables one after the other) says what a byte does to
 * the CRC over k further zero bytes.
 */
export const SLICES = 8
export const BYTE_VALUES = 256

/** Four bytes as one integer, the first lowest. */
export function littleEndian32(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}

/** The eight table entries for eight bytes, combined; `first` holds the first four of them, the CRC so far mixed in. */
export function sliceBy8(table: Int32Array, first: number, second: number): number {
  return (
    (table[0x700 | (first & 0xff)] ?? 0) ^
    (table[0x600 | ((first >>> 8) & 0xff)] ?? 0) ^
    (table[0x500 | ((first >>> 16) & 0xff)] ?? 0) ^
    (table[0x400 | (first >>> 24)] ?? 0) ^
    (table[0x300 | (second & 0xff)] ?? 0) ^
    (table[0x200 | ((second >>> 8) & 0xff)] ?? 0) ^
    (table[0x100 | ((second >>> 16) & 0xff)] ?? 0) ^
    (table[second >>> 24] ?? 0)
  )
}

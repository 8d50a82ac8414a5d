/** The cache's unit of storage for large objects: 1 MiB; the last block of an object has its true length. */
export const BLOCK_BYTES = 1024 * 1024

/** Number of the block that holds a byte position. */
export function blockAt(position: number): number {
  return Math.floor(position / BLOCK_BYTES)
}

/** Bytes of block `blockNo` in an object of `sizeBytes`. */
export function blockLength(sizeBytes: number, blockNo: number): number {
  return Math.min(BLOCK_BYTES, sizeBytes - blockNo * BLOCK_BYTES)
}

/** Where the block that holds `position` ends: a block boundary, or the object's end. */
export function blockEndAfter(position: number, sizeBytes: number): number {
  return Math.min(sizeBytes, (blockAt(position) + 1) * BLOCK_BYTES)
}

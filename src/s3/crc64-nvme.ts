import { BYTE_VALUES, littleEndian32, sliceBy8, SLICES } from './crc-slicing.ts'

/** CRC-64/NVME (NVM Express command set specification): polynomial 0xAD93D23594C93659, here bit-reversed, in two halves. */
const POLYNOMIAL_HIGH = 0x9a6c9329
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0

/** 64-bit table entries in two halves: JavaScript's integers have 32 bits, and BigInt is a hundred times slower. */
interface Tables {
  readonly high: Int32Array
  readonly low: Int32Array
}

let tables: Tables | undefined

/** A CRC-64/NVME in the making. */
export class Crc64Nvme {
  #high = -1
  #low = -1

  update(bytes: Uint8Array): void {
    tables ??= makeTables()
    const h = tables.high
    const l = tables.low
    let high = this.#high
    let low = this.#low
    let at = 0
    for (const end = bytes.length - 7; at < end; at += 8) {
      const first = low ^ littleEndian32(bytes, at)
      const second = high ^ littleEndian32(bytes, at + 4)
      low = sliceBy8(l, first, second)
      high = sliceBy8(h, first, second)
    }
    for (; at < bytes.length; at++) {
      const index = (low ^ (bytes[at] ?? 0)) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ (l[index] ?? 0)
      high = (high >>> 8) ^ (h[index] ?? 0)
    }
    this.#high = high
    this.#low = low
  }

  /** Eight bytes, most significant first. */
  digest(): Buffer {
    const digest = Buffer.alloc(8)
    digest.writeUInt32BE(~this.#high >>> 0)
    digest.writeUInt32BE(~this.#low >>> 0, 4)
    return digest
  }
}

function makeTables(): Tables {
  const high = new Int32Array(SLICES * BYTE_VALUES)
  const low = new Int32Array(SLICES * BYTE_VALUES)
  for (let byte = 0; byte < BYTE_VALUES; byte++) {
    let lowHalf = byte
    let highHalf = 0
    for (let bit = 0; bit < 8; bit++) {
      const odd = lowHalf & 1
      lowHalf = (lowHalf >>> 1) | (highHalf << 31)
      highHalf >>>= 1
      if (odd === 1) {
        lowHalf ^= POLYNOMIAL_LOW
        highHalf ^= POLYNOMIAL_HIGH
      }
    }
    low[byte] = lowHalf
    high[byte] = highHalf
  }
  for (let at = BYTE_VALUES; at < low.length; at++) {
    const lowBefore = low[at - BYTE_VALUES] ?? 0
    const highBefore = high[at - BYTE_VALUES] ?? 0
    const index = lowBefore & 0xff
    low[at] = ((lowBefore >>> 8) | (highBefore << 24)) ^ (low[index] ?? 0)
    high[at] = (highBefore >>> 8) ^ (high[index] ?? 0)
  }
  return { high, low }
}

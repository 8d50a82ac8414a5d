// hot path: runs once or twice per request.
import type { BYTE_SOURCES } from './labels.ts'
import type { RequestRecord } from './record.ts'
import type { Counter } from './registry-writer.ts'

type ByteSourceLabel = (typeof BYTE_SOURCES)[number]

/** Counts the bytes of response bodies by where they came from. */
export class ByteCounters {
  readonly #memory: Counter
  readonly #disk: Counter
  readonly #coalesced: Counter
  readonly #origin: Counter
  readonly #generated: Counter

  constructor(counterOf: (source: ByteSourceLabel) => Counter) {
    this.#memory = counterOf('memory')
    this.#disk = counterOf('disk')
    this.#coalesced = counterOf('coalesced')
    this.#origin = counterOf('origin')
    this.#generated = counterOf('generated')
  }

  count(record: RequestRecord): void {
    const { bytesFromMemory, bytesFromDisk, bytesCoalesced, bytesFromOrigin } = record
    if (bytesFromMemory > 0) this.#memory.add(bytesFromMemory)
    if (bytesFromDisk > 0) this.#disk.add(bytesFromDisk)
    if (bytesCoalesced > 0) this.#coalesced.add(bytesCoalesced)
    if (bytesFromOrigin > 0) this.#origin.add(bytesFromOrigin)
    const generated = record.bytesSent - bytesFromMemory - bytesFromDisk - bytesCoalesced - bytesFromOrigin
    if (generated > 0) this.#generated.add(generated)
  }
}

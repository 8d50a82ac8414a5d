import type { RequestRecord } from '../signals/record.ts'

/** Names a request that causes questions to origins. Plain values, so that it goes to other threads with the question. */
export interface MeterRef {
  readonly worker: number
  readonly id: number
}

/** What a question to an origin cost: one request, and later the wait for its answer. */
export type MeterNote = { readonly id: number; readonly waitedMs: number | undefined }

/**
 * What questions to origins cost, told to the record of the request that caused them. What comes after the request's end is
 * nobody's: runs that it began go on without it.
 */
export class Meters {
  readonly #worker: number
  readonly #send: (worker: number, note: MeterNote) => void
  readonly #records = new Map<number, RequestRecord>()
  readonly #ids = new Map<RequestRecord, number>()
  #lastId = 0

  /** `send` brings a note to another worker's `take`. */
  constructor(worker: number, send: (worker: number, note: MeterNote) => void) {
    this.#worker = worker
    this.#send = send
  }

  /** The name of the request with this record; until `close`. */
  refOf(record: RequestRecord): MeterRef {
    const known = this.#ids.get(record)
    if (known !== undefined) return { worker: this.#worker, id: known }
    const id = ++this.#lastId
    this.#ids.set(record, id)
    this.#records.set(id, record)
    return { worker: this.#worker, id }
  }

  close(record: RequestRecord): void {
    if (this.#ids.size === 0) return
    const id = this.#ids.get(record)
    if (id === undefined) return
    this.#ids.delete(record)
    this.#records.delete(id)
  }

  /** A question went to an origin. */
  asked(ref: MeterRef): void {
    this.#charge(ref, undefined)
  }

  /** Its answer began after `waitedMs`; the longest wait is kept. */
  answered(ref: MeterRef, waitedMs: number): void {
    this.#charge(ref, waitedMs)
  }

  /** A note about a request of this worker. */
  take({ id, waitedMs }: MeterNote): void {
    const record = this.#records.get(id)
    if (record === undefined) return
    if (waitedMs === undefined) record.originRequests += 1
    else if (record.originTtfbMs === undefined || waitedMs > record.originTtfbMs) record.originTtfbMs = waitedMs
  }

  /** Requests that are under way and asked an origin. */
  get open(): number {
    return this.#records.size
  }

  #charge(ref: MeterRef, waitedMs: number | undefined): void {
    const note = { id: ref.id, waitedMs }
    if (ref.worker === this.#worker) this.take(note)
    else this.#send(ref.worker, note)
  }
}

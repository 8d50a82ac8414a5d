import { sampleContent } from './sample-plan.ts'
import type { PlannedRead } from './read-mix.ts'

/** Larger bodies are compared only now and then: making the wanted bytes costs as much as encrypting them. */
const ALWAYS_COMPARED_BYTES_MAX = 256 * 1024
const LARGE_COMPARED_SHARE = 0.1

/** Whether a body's content is compared, or its length alone. */
export function isCompared(read: PlannedRead, random: () => number): boolean {
  return read.end - read.start <= ALWAYS_COMPARED_BYTES_MAX || random() < LARGE_COMPARED_SHARE
}

/** Takes a body chunk by chunk and says whether it was what the read must give. */
export class BodyCheck {
  readonly #expected: (length: number) => Buffer
  readonly #compared: boolean
  readonly #lengthBytes: number
  #differs = false
  #receivedBytes = 0

  constructor(seed: number, read: PlannedRead, compared: boolean) {
    this.#expected = sampleContent(seed, read.object, read.start)
    this.#compared = compared
    this.#lengthBytes = read.method === 'HEAD' ? 0 : read.end - read.start
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  take(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length
    if (this.#compared && !this.#differs) this.#differs = !this.#expected(chunk.length).equals(chunk)
  }

  /** What was wrong with the body, or undefined. Call it after the last chunk. */
  problem(): string | undefined {
    if (this.#receivedBytes !== this.#lengthBytes) return `${this.#receivedBytes} body bytes instead of ${this.#lengthBytes}`
    return this.#differs ? 'other bytes than the object has' : undefined
  }
}

/** What was wrong with a response head, or undefined. Names are lower case. */
export function headProblem(
  read: PlannedRead,
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  if (status !== read.status) return `status ${status} instead of ${read.status}`
  const length = read.end - read.start
  if (headers['content-length'] !== `${length}`) return `Content-Length "${String(headers['content-length'])}" instead of ${length}`
  const range = read.range === undefined ? undefined : `bytes ${read.start}-${read.end - 1}/${read.object.sizeBytes}`
  if (headers['content-range'] !== range) return `Content-Range "${String(headers['content-range'])}" instead of "${String(range)}"`
  return undefined
}

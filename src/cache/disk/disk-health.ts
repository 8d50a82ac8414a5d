/** What the tier does: everything · everything, within limits · only reads · nothing. */
export type DiskState = 'on' | 'degraded' | 'read-only' | 'off'

/** Why it does not do everything. */
export type DiskTrouble = 'none' | 'no-space' | 'slow' | 'write-errors' | 'read-only-file-system' | 'read-errors' | 'vanished' | 'closed'

const STATE_OF: Readonly<Record<DiskTrouble, DiskState>> = {
  none: 'on',
  'no-space': 'degraded',
  slow: 'degraded',
  'write-errors': 'read-only',
  'read-only-file-system': 'read-only',
  'read-errors': 'off',
  vanished: 'off',
  closed: 'off',
}

/** From mild to grave: the graver trouble is the one that is told, and decides. */
const GRAVITY: readonly DiskTrouble[] = [
  'none',
  'slow',
  'no-space',
  'write-errors',
  'read-only-file-system',
  'read-errors',
  'vanished',
  'closed',
]

const NO_SPACE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])
const VANISHED_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'ENXIO', 'ESTALE', 'ENOTCONN'])

/** So many reads in a row may fail. */
const READ_ERRORS_MAX = 8

const RETRY_AFTER_MS_MIN = 1_000
const RETRY_AFTER_MS_MAX = 60_000

/** Latencies that are looked at together, and how often. */
const LATENCIES = 128
const JUDGED_EVERY = 32

/** Reads that end together waited together: where all of this process stood still for a while, that is one latency and not one for each. */
const LATENCY_EVERY_MS = 10

/** A hundredth of the latencies may be too long: with as few as these, so many. */
const SLOW_LATENCIES_MAX = 2

/** A sick disk is not asked all the time, and comes back by itself: the tier's judgement of what its disk does. */
export class DiskHealth {
  readonly #monotonicMs: () => number
  #trouble: DiskTrouble = 'none'
  #sinceMs: number
  #readErrorsInRow = 0
  #retryAfterMs = RETRY_AFTER_MS_MIN
  #retryAtMs = 0
  readonly #latencies = new Float64Array(LATENCIES)
  #latencyCount = 0
  #latencyAtMs = -Infinity
  #slowAboveMs = Infinity

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
    this.#sinceMs = monotonicMs()
  }

  get trouble(): DiskTrouble {
    return this.#trouble
  }

  get state(): DiskState {
    return STATE_OF[this.#trouble]
  }

  /** How long it has been so. */
  get forMs(): number {
    return this.#monotonicMs() - this.#sinceMs
  }

  /** Another try is due. */
  get isRetryDue(): boolean {
    return this.#trouble !== 'none' && this.#trouble !== 'closed' && this.#monotonicMs() >= this.#retryAtMs
  }

  /** What the alternative takes: with a 99th percentile above it the disk is no help. */
  set slowAboveMs(limitMs: number) {
    this.#slowAboveMs = limitMs
  }

  readTook(tookMs: number): void {
    this.#readErrorsInRow = 0
    const nowMs = this.#monotonicMs()
    if (nowMs - this.#latencyAtMs < LATENCY_EVERY_MS) return
    this.#latencyAtMs = nowMs
    this.#latencies[this.#latencyCount % LATENCIES] = tookMs
    this.#latencyCount++
    if (this.#latencyCount % JUDGED_EVERY === 0) this.#judgeLatency()
  }

  readFailed(code: string): void {
    this.#readErrorsInRow++
    if (VANISHED_CODES.has(code)) this.#suffer('vanished')
    else if (this.#readErrorsInRow >= READ_ERRORS_MAX) this.#suffer('read-errors')
  }

  writeFailed(code: string): void {
    if (NO_SPACE_CODES.has(code)) this.#suffer('no-space')
    else if (code === 'EROFS') this.#suffer('read-only-file-system')
    else if (VANISHED_CODES.has(code)) this.#suffer('vanished')
    else this.#suffer('write-errors')
  }

  /** The directory is not there any more, or is another one. */
  vanished(): void {
    this.#suffer('vanished')
  }

  closed(): void {
    this.#suffer('closed')
  }

  /** What was tried worked. */
  recovered(): void {
    if (this.#trouble === 'none' || this.#trouble === 'closed') return
    this.#trouble = 'none'
    this.#sinceMs = this.#monotonicMs()
    this.#readErrorsInRow = 0
    this.#retryAfterMs = RETRY_AFTER_MS_MIN
    this.#latencyCount = 0
  }

  /** What was tried did not work: the next try comes later than this one did. */
  retryFailed(): void {
    this.#retryAfterMs = Math.min(RETRY_AFTER_MS_MAX, this.#retryAfterMs * 2)
    this.#retryAtMs = this.#monotonicMs() + this.#retryAfterMs
  }

  #judgeLatency(): void {
    const seen = this.#latencies.subarray(0, Math.min(LATENCIES, this.#latencyCount))
    const slow = seen.reduce((count, tookMs) => (tookMs > this.#slowAboveMs ? count + 1 : count), 0)
    if (slow > SLOW_LATENCIES_MAX) this.#suffer('slow')
    else if (this.#trouble === 'slow' && this.#latencyCount >= LATENCIES) this.recovered()
  }

  #suffer(trouble: DiskTrouble): void {
    if (GRAVITY.indexOf(trouble) <= GRAVITY.indexOf(this.#trouble)) return
    this.#trouble = trouble
    this.#sinceMs = this.#monotonicMs()
    this.#latencyCount = trouble === 'slow' ? 0 : this.#latencyCount
    this.#retryAtMs = this.#monotonicMs() + this.#retryAfterMs
  }
}

import { LineSink } from './line-sink.ts'
import type { RequestRecord } from './record.ts'
import { REDACTED, Scrubber } from './scrubber.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A value in a log line; `undefined` leaves the field out. */
export type LogValue = string | number | boolean | undefined

export type LogFields = Readonly<Record<string, LogValue>>

/** JSON lines. Never throws, never blocks, never waits; lines are dropped, and counted, where the reader is too slow. */
export interface Log {
  /** The one line of a request. */
  request(record: RequestRecord, durationMs: number): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** Writes what is waiting, as far as anybody takes it within CLOSE_TIMEOUT_MS; afterwards lines go nowhere. */
  close(): Promise<void>
}

export interface LogOptions {
  readonly level: LogLevel
  /** Whether requests are logged. Requests that failed always are. */
  readonly requests: boolean
  /** One in how many successful requests is logged; the line says so. Default 1: all. */
  readonly sampleEvery?: number
  /** Values that may never appear: secret keys, session tokens, the admin token. */
  readonly secrets: readonly string[]
  /** Stands in every line, where several threads write. */
  readonly thread?: string
  /** Told how many lines were lost. */
  readonly onDrop?: (lines: number) => void
  /** Where lines go; default 1, standard output. */
  readonly fd?: number
}

/** A log of a level has the lines of that rank and of higher ones. */
const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 }

const STDOUT_FD = 1

const CLOSE_TIMEOUT_MS = 1000

const KEY_LENGTH_MAX = 1024
const TEXT_LENGTH_MAX = 512
const WORD_LENGTH_MAX = 128
const FIELD_LENGTH_MAX = 2048

const SECRET_FIELD = /secret|token|passw|authorization|signature|credential/i

/** A log that says nothing. */
export const silentLog: Log = {
  request: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  close: async () => undefined,
}

/** Opens the log of this thread. */
export function createLog(options: LogOptions): Log {
  return options.level === 'silent' ? silentLog : new JsonLog(options)
}

class JsonLog implements Log {
  readonly #leastRank: number
  readonly #scrubber: Scrubber
  readonly #requests: boolean
  readonly #sampleEvery: number
  readonly #sink: LineSink
  readonly #thread: string | undefined
  #skipped = 0
  #closed = false

  constructor(options: LogOptions) {
    this.#sink = new LineSink(options.fd ?? STDOUT_FD, options.onDrop ?? (() => undefined))
    this.#leastRank = RANKS[options.level]
    this.#scrubber = new Scrubber(options.secrets)
    this.#requests = options.requests
    this.#thread = options.thread
    this.#sampleEvery = Math.max(1, Math.floor(options.sampleEvery ?? 1))
  }

  request(record: RequestRecord, durationMs: number): void {
    const failed = record.outcome === 'failed'
    if ((!failed && !this.#requests) || !this.#isEnabled(levelOf(record))) return
    const ordinary = !failed && record.status < 400
    if (ordinary && this.#sampleEvery > 1 && ++this.#skipped < this.#sampleEvery) return
    if (ordinary) this.#skipped = 0
    this.#sink.write(this.#requestLine(record, durationMs, ordinary && this.#sampleEvery > 1 ? this.#sampleEvery : undefined))
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#sink.close(CLOSE_TIMEOUT_MS)
  }

  #isEnabled(level: LogLevel): boolean {
    return !this.#closed && RANKS[level] >= this.#leastRank
  }

  #line(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.#isEnabled(level)) return
    const start = { level, time: new Date().toISOString(), thread: this.#thread }
    this.#sink.write(`${JSON.stringify({ ...start, ...this.#clean(fields), msg: this.#text(message) })}\n`)
  }

  #requestLine(record: RequestRecord, durationMs: number, sampleEvery: number | undefined): string {
    const line = JSON.stringify({
      level: levelOf(record),
      time: new Date(record.startedAtMs + durationMs).toISOString(),
      thread: this.#thread,
      requestId: record.requestId,
      clientAddress: record.clientAddress,
      method: this.#scrubber.scrub(record.method, WORD_LENGTH_MAX),
      operation: record.operation,
      bucket: this.#optional(record.bucket, KEY_LENGTH_MAX),
      key: record.key === undefined ? undefined : this.#scrubber.scrub(textOfKey(record.key), KEY_LENGTH_MAX),
      origin: record.origin,
      accessKeyId: this.#optional(record.accessKeyId, WORD_LENGTH_MAX),
      userAgent: this.#optional(record.userAgent, TEXT_LENGTH_MAX),
      status: record.status === 0 ? undefined : record.status,
      outcome: record.outcome,
      reason: record.reason,
      errorCode: record.errorCode,
      failure: this.#optional(record.failure, TEXT_LENGTH_MAX),
      bytesSent: record.bytesSent,
      bytesFromMemory: someBytes(record.bytesFromMemory),
      bytesFromDisk: someBytes(record.bytesFromDisk),
      bytesCoalesced: someBytes(record.bytesCoalesced),
      bytesFromOrigin: someBytes(record.bytesFromOrigin),
      bytesReceived: someBytes(record.bytesReceived),
      originRequests: someBytes(record.originRequests),
      originRequestId: this.#optional(record.originRequestId, WORD_LENGTH_MAX),
      originTtfbMs: roundedMs(record.originTtfbMs),
      ttfbMs: roundedMs(record.ttfbMs),
      durationMs: roundedMs(durationMs),
      sampleEvery,
      msg: 'request',
    })
    return `${line}\n`
  }

  #optional(text: string | undefined, lengthMax: number): string | undefined {
    return text === undefined ? undefined : this.#scrubber.scrub(text, lengthMax)
  }

  #text(message: string): string {
    return this.#scrubber.scrub(message, FIELD_LENGTH_MAX)
  }

  #clean(fields: LogFields | undefined): LogFields {
    const clean: Record<string, LogValue> = {}
    for (const [name, value] of Object.entries(fields ?? {})) {
      if (SECRET_FIELD.test(name)) clean[name] = value === undefined ? undefined : REDACTED
      else clean[name] = typeof value === 'string' ? this.#scrubber.scrub(value, FIELD_LENGTH_MAX) : value
    }
    return clean
  }
}

function levelOf(record: RequestRecord): 'info' | 'warn' | 'error' {
  if (record.outcome !== 'failed') return 'info'
  return record.reason === 'internal' ? 'error' : 'warn'
}

/** Keys are bytes, one per character; most are UTF-8, and those that are not show the replacement character. */
function textOfKey(key: string): string {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0x7f) return Buffer.from(key, 'latin1').toString('utf8')
  return key
}

/** Zeros say nothing in a line that most of them would fill. */
function someBytes(count: number): number | undefined {
  return count === 0 ? undefined : count
}

/** Whole microseconds. */
function roundedMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000
}

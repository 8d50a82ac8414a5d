import type { Clock } from '../base/clock.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { Connection } from './connection.ts'
import { DirectWrites } from './direct-writes.ts'
import type { ExchangeHandler } from './exchange.ts'
import { FieldMemo } from './field-memo.ts'
import { FieldNames } from './field-name.ts'
import type { HttpLimits } from './limits.ts'
import { RequestParser } from './parser.ts'
import { PressureRelief, type Shortage } from './pressure-relief.ts'
import { REFUSALS, type RefusalReason } from './refusal.ts'
import { dateLine, HeadStarts } from './response-head.ts'
import { SocketInput } from './socket-input.ts'
import { Turn } from './turn.ts'
import { WriteScratch } from './write-scratch.ts'

/** Body and field lines of an error answer that the engine gives by itself. */
export type RenderError = (status: number, text: string, reason: RefusalReason) => { readonly fields: string; readonly body: Uint8Array }

/** What all connections of a server share. */
export interface EngineParts {
  readonly limits: HttpLimits
  readonly handler: ExchangeHandler
  readonly clock: Clock
  readonly budget: MemoryBudget
  /** Lent memory is wanted back by who lent it. */
  readonly loansAreShort: () => boolean
  readonly renderError: RenderError | undefined
  readonly onRefused: ((reason: RefusalReason) => void) | undefined
  readonly onHandlerError: ((error: unknown) => void) | undefined
}

/** Parsers that wait for the next head; more than were ever needed at once would be waste. */
const SPARE_PARSERS_MAX = 16

/** The state that all connections of one server share: limits, coarse time, counters, memory for reuse. */
export class Engine {
  readonly limits: HttpLimits
  readonly handler: ExchangeHandler
  readonly budget: MemoryBudget
  readonly connections = new Set<Connection>()
  readonly relief: PressureRelief
  readonly names = new FieldNames()
  readonly memo = new FieldMemo()
  readonly scratch = new WriteScratch()
  readonly direct = DirectWrites.open()
  readonly turn = new Turn(this.scratch)
  readonly input = new SocketInput()
  /** Monotonic time of the last sweep: good enough for every timeout, and free to read. */
  nowMs: number
  /** How responses begin; their Date is as old as the last sweep. */
  readonly headStarts = new HeadStarts()
  draining = false
  requestsInFlight = 0
  requestsTotal = 0
  refusalsTotal = 0
  readonly #parts: EngineParts
  readonly #spareParsers: RequestParser[] = []
  #dateSecond: number

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.limits = parts.limits
    this.handler = parts.handler
    this.budget = parts.budget
    this.relief = new PressureRelief(this, () => this.#shortage())
    this.nowMs = parts.clock.monotonicMs()
    const wallMs = parts.clock.nowMs()
    this.#dateSecond = Math.floor(wallMs / 1000)
    this.headStarts.date = dateLine(wallMs)
  }

  /** Moves the coarse time on and lets every connection look at its deadlines. */
  sweep(): void {
    const { clock } = this.#parts
    this.nowMs = clock.monotonicMs()
    const wallMs = clock.nowMs()
    const second = Math.floor(wallMs / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.headStarts.date = dateLine(wallMs)
    }
    for (const connection of this.connections) connection.sweep(this.nowMs)
    this.relief.relieve()
  }

  /** Bytes of a request body that may wait for their handler: while memory is short nothing is read beyond what it waits for. */
  get bodyBufferBytes(): number {
    return this.budget.isSpent ? 0 : this.limits.bodyBufferBytes
  }

  closed(connection: Connection): void {
    this.connections.delete(connection)
    this.relief.closed(connection)
  }

  takeParser(): RequestParser {
    return this.#spareParsers.pop() ?? new RequestParser(this.limits, this)
  }

  returnParser(parser: RequestParser): void {
    parser.reset()
    if (this.#spareParsers.length < SPARE_PARSERS_MAX) this.#spareParsers.push(parser)
  }

  #shortage(): Shortage | undefined {
    if (this.budget.isSpent) return 'budget'
    return this.#parts.loansAreShort() ? 'loans' : undefined
  }

  refused(reason: RefusalReason): void {
    this.refusalsTotal += 1
    this.#parts.onRefused?.(reason)
  }

  /** A handler, or another function that was given to the engine, threw or rejected. */
  handlerFailed(error: unknown): void {
    this.#parts.onHandlerError?.(error)
  }

  /** The answer to a request that is refused before or instead of its handler; undefined where the reason allows none. */
  renderRefusal(reason: RefusalReason): { readonly status: number; readonly fields: string; readonly body: Uint8Array } | undefined {
    const { status, text } = REFUSALS[reason]
    if (status === undefined) return undefined
    try {
      return { status, ...(this.#parts.renderError ?? renderPlain)(status, text, reason) }
    } catch (error) {
      this.handlerFailed(error)
      return { status, ...renderPlain(status, text) }
    }
  }
}

function renderPlain(_status: number, text: string): { fields: string; body: Uint8Array } {
  return { fields: 'Content-Type: text/plain; charset=utf-8\r\n', body: Buffer.from(`${text}\n`, 'utf8') }
}

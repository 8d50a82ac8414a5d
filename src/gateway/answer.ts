import type { Exchange, Loan, ResponseHead, ResponseStream, StoredBody } from '../http/exchange.ts'
import type { RequestRecord } from '../signals/record.ts'
import type { Gateway } from './gateway.ts'

/** A request that can be answered. */
export interface Answerable {
  readonly exchange: Exchange
  readonly record: RequestRecord
  readonly gateway: Gateway
}

/** Sends a whole answer; with `answerStream` the only way out, so that status and time to first byte are always on record. */
export function answer(to: Answerable, head: ResponseHead, body?: Uint8Array | StoredBody, loan?: Loan): void {
  note(to, head.status)
  to.exchange.respond(head, body, loan)
}

/** Begins an answer whose body follows. */
export function answerStream(to: Answerable, head: ResponseHead): ResponseStream {
  note(to, head.status)
  return to.exchange.stream(head)
}

function note(to: Answerable, status: number): void {
  to.record.status = status
  to.record.ttfbMs = to.gateway.clock.monotonicMs() - to.record.startedMs
}

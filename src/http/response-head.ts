// hot path
import type { ResponseHead } from './exchange.ts'
import { REASON_PHRASES } from './reason-phrases.ts'

/** How the end of a response body is told. */
export interface ResponseFraming {
  readonly chunked: boolean
  readonly close: boolean
  /** HTTP/1.0 clients keep a connection only where told so. */
  readonly minorVersion: 0 | 1
}

/** How a response begins: status line and Date. One second's worth of them, by status: nearly all responses are 200 or 206. */
export class HeadStarts {
  readonly #starts: (Buffer | undefined)[] = []
  #date = ''

  /** `date` is a whole field line. */
  set date(date: string) {
    if (date === this.#date) return
    this.#date = date
    this.#starts.length = 0
  }

  of(status: number): Buffer {
    return (this.#starts[status] ??= Buffer.from(statusLine(status) + this.#date, 'latin1'))
  }
}

/** What comes after the first lines of a response head and the lines that stand rendered elsewhere; latin1. */
export function renderHeadEnd(head: ResponseHead, framing: ResponseFraming): string {
  let text = head.fields
  if (head.length !== undefined && head.status !== 204) text += `Content-Length: ${head.length}\r\n`
  else if (framing.chunked) text += 'Transfer-Encoding: chunked\r\n'
  if (framing.close) text += 'Connection: close\r\n'
  else if (framing.minorVersion === 0) text += 'Connection: keep-alive\r\n'
  return `${text}\r\n`
}

/** True where a response has no body whatever its head says (RFC 9112 section 6.3). */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 304 || status === 204
}

/** Tells a client that waits for it to send its body (RFC 9110 section 15.2.1). */
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')

/** `Date` as a field line (RFC 9110 section 6.6.1). */
export function dateLine(nowMs: number): string {
  return `Date: ${new Date(nowMs).toUTCString()}\r\n`
}

const STATUS_LINES: readonly (string | undefined)[] = Array.from({ length: 600 }, (_, status) => {
  const text = REASON_PHRASES[status]
  return text === undefined ? undefined : `HTTP/1.1 ${status} ${text}\r\n`
})

/** The reason phrase may be empty, the blank before it may not (RFC 9112 section 4). */
function statusLine(status: number): string {
  return STATUS_LINES[status] ?? `HTTP/1.1 ${status} \r\n`
}

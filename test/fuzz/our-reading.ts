import { type BodyDecoder, LengthDecoder } from '../../src/http/body-decoder.ts'
import { ChunkedDecoder } from '../../src/http/chunked-decoder.ts'
import { FieldMemo } from '../../src/http/field-memo.ts'
import { FieldNames } from '../../src/http/field-name.ts'
import { DEFAULT_HTTP_LIMITS } from '../../src/http/limits.ts'
import { RequestParser } from '../../src/http/parser.ts'
import type { Reading, ReadRequest } from './readings.ts'

/** Small, so that the generator's requests reach them. */
const LIMITS = { ...DEFAULT_HTTP_LIMITS, headBytes: 600, trailerBytes: 60, chunkExtensionBytes: 1000 }

const LINE_END = Buffer.from('\r\n\r\n', 'latin1')

/** Reads connections with our parser and body decoders, the way `Connection` puts them together. */
export class OurReader {
  readonly #names = new FieldNames()
  readonly #memo = new FieldMemo()

  read(packets: readonly Buffer[]): Reading {
    const run = new Run(this.#names, this.#memo)
    for (const packet of packets) {
      for (let at = 0; at < packet.length && run.goesOn;) at = run.feed(packet, at)
    }
    return { requests: run.requests, refusal: run.refusal, closed: run.closed, upgraded: false, doubtful: run.refusesAtLineEnd() }
  }
}

/** One connection. */
class Run {
  readonly requests: ReadRequest[] = []
  refusal: string | undefined = undefined
  closed = false
  readonly #names: FieldNames
  readonly #parser: RequestParser
  #decoder: BodyDecoder | undefined = undefined
  #headBytes = 0

  constructor(names: FieldNames, memo: FieldMemo) {
    this.#names = names
    this.#parser = new RequestParser(LIMITS, { names, memo })
  }

  get goesOn(): boolean {
    return this.refusal === undefined && !this.closed
  }

  feed(packet: Buffer, at: number): number {
    return this.#decoder === undefined ? this.#feedHead(packet, at) : this.#feedBody(packet, at, this.#decoder)
  }

  /** To be asked last: it feeds an end of line to the body that goes on. */
  refusesAtLineEnd(): boolean {
    this.#decoder?.feed(LINE_END, 0, { push: () => undefined })
    return this.#decoder?.refusal !== undefined
  }

  #feedHead(packet: Buffer, at: number): number {
    const parser = this.#parser
    const next = parser.feed(packet, at)
    this.#headBytes += next - at
    this.refusal = parser.refusal
    if (parser.refusal !== undefined) return next
    if (this.#headBytes > LIMITS.headBytes) throw new Error(`${this.#headBytes} bytes of a head were taken`)
    if (parser.head === undefined) return next
    const { method, target, headers } = parser.head
    const { chunked, contentLength, keepAlive } = parser.framing
    if (chunked) this.#decoder = new ChunkedDecoder(LIMITS, this.#names)
    else if ((contentLength ?? 0) > 0) this.#decoder = new LengthDecoder(contentLength ?? 0)
    this.requests.push({ method, target, headers, body: '', complete: this.#decoder === undefined })
    this.closed = this.#decoder === undefined && !keepAlive
    this.#headBytes = 0
    parser.reset()
    return next
  }

  #feedBody(packet: Buffer, at: number, decoder: BodyDecoder): number {
    const request = this.requests.at(-1)
    if (request === undefined) throw new Error('a body without a request')
    const push = (bytes: Buffer): void => {
      request.body += bytes.toString('latin1')
    }
    const next = decoder.feed(packet, at, { push })
    this.refusal = decoder.refusal
    if (!decoder.complete || decoder.refusal !== undefined) return next
    request.complete = true
    this.#decoder = undefined
    this.closed = !this.#parser.framing.keepAlive
    return next
  }
}

import type { ByteSource } from '../base/byte-source.ts'
import type { HeaderList } from '../base/header-list.ts'
import type { RepeatedFields } from './field-memo.ts'

/** A request head as it was on the wire. */
export interface RequestHead {
  readonly method: string
  /** Origin-form target, byte for byte as latin1: `/bucket/k%20ey?versionId=1`. Absolute-form targets arrive here without scheme and authority. */
  readonly target: string
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minorVersion: 0 | 1
  readonly headers: HeaderList
  /** The Host field, or the authority of an absolute-form target; empty only for HTTP/1.0 without Host. */
  readonly host: string
  /** Fields that came before, all but the signature (the last 64 digits of Authorization, undefined without); undefined: not known. */
  readonly repeated?: { readonly fields: RepeatedFields; readonly signature: string | undefined } | undefined
}

/** A request body; framing removed. With `Expect: 100-continue` the first read sends the 100. */
export interface RequestBody extends ByteSource {
  /** True where the request has a body at all: Content-Length above 0, or chunked. */
  readonly present: boolean
  /** Fields that came after a chunked body; complete once `read` gave undefined. */
  trailers(): HeaderList
}

/** The head of a response. The engine adds the framing fields (Content-Length, Transfer-Encoding, Connection) and Date. */
export interface ResponseHead {
  readonly status: number
  /** Field lines as they go on the wire, CRLF after each; no framing fields, no Date. */
  readonly fields: string
  /** Field lines that stand rendered elsewhere, in the same form as `fields`; they go before them. */
  readonly stored?: StoredLines | undefined
  /**
   * Content-Length. `undefined`: unknown, so chunked for HTTP/1.1 and until close for 1.0.
   * To HEAD and with 304 it is what the entity would have, and is left out where undefined.
   */
  readonly length: number | undefined
}

/** Field lines as latin1 bytes in memory, copied into the response without becoming a string. */
export interface StoredLines {
  readonly linesLength: number
  /** Copies all of them to `target`, from `at` on. */
  copyLines(target: Buffer, at: number): void
}

/** A whole body that stands in memory which others own. */
export interface StoredBody {
  readonly length: number
  /** Copies all of it to `target`, from `at` on. */
  copyTo(target: Buffer, at: number): void
  /** It itself, lent. */
  bytes(): Uint8Array
}

/** A response whose body is written piece by piece. */
export interface ResponseStream {
  /**
   * Hands bytes to the socket. `undefined`: go on writing; a promise: wait for it first (the socket is full). The promise
   * rejects with ClientGone where the connection is lost. The bytes must stay as they are until `loan.release` is called, which
   * happens exactly once: when the kernel has them, or when the socket is gone.
   */
  write(bytes: Uint8Array, loan?: Loan): Promise<void> | undefined
  /** Completes the response; resolves when the kernel has every byte. Fewer bytes than announced cuts the socket and rejects. */
  end(): Promise<void>
}

/** Bytes that were lent, such as a pinned part of the cache; they must not change until they are given back. */
export interface Loan {
  release(): void
}

/** Who is told of the end of an exchange. */
export interface EndListener {
  /** Without a failure the kernel has the whole response. Must not throw. */
  ended(exchange: Exchange, failure?: ClientGone): void
}

/** One request and its one response on a connection. */
export interface Exchange {
  readonly head: RequestHead
  readonly body: RequestBody
  readonly peer: { readonly address: string; readonly port: number; readonly secure: boolean }
  /** Body bytes (without head and chunk framing) that were handed to the socket so far. */
  readonly bodyBytesSent: number
  /** True once a response head has been written. */
  readonly started: boolean
  /** True once the response is complete and the kernel has it. */
  readonly complete: boolean
  /** True once the client is gone or the connection was cut. */
  readonly gone: boolean
  /** Calls `listener` once if the client goes before the response ended. Returns the remover. */
  onGone(listener: () => void): () => void
  /** A whole response in one write; `loan` as in ResponseStream. */
  respond(head: ResponseHead, body?: Uint8Array | StoredBody, loan?: Loan): void
  /** Begins a response whose body follows. */
  stream(head: ResponseHead): ResponseStream
  /** Resolves when the response is complete and the kernel has it; rejects with ClientGone where it was lost or cut. */
  finished(): Promise<void>
  /** The same without a promise: tells the listener once, at once where it has ended. One listener an exchange. */
  whenEnded(listener: EndListener): void
  /** Ends the connection at once: the only honest answer when a body cannot be completed. */
  cut(reason: string): void
}

/** The client left before it had its answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
  /** Why we ended the connection; undefined where the client did, or where there was a fault. */
  readonly why: CutReason | undefined

  constructor(message: string, options?: ErrorOptions & { readonly why?: CutReason | undefined }) {
    super(message, options)
    this.why = options?.why
  }
}

/** Why a client is cut that does not read: too slowly at all, or nothing while others need the memory. */
export type CutReason = 'slow-reader' | 'stalled-reader'

/** What the engine calls for every request. It must respond or cut; an escaped rejection cuts the connection. */
export type ExchangeHandler = (exchange: Exchange) => Promise<void> | void

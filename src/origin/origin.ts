import { emptySource, type ByteSource } from '../base/byte-source.ts'
import type { HeaderList } from '../base/header-list.ts'
import type { FormField } from '../s3/post/form.ts'
import type { PostPolicy } from '../s3/post/policy.ts'

/**
 * What is known of a request body's integrity, and so how it is signed for an S3 origin (SigV4 `x-amz-content-sha256`).
 * Bodies arrive here decoded: aws-chunked framing was removed and its signatures were checked on the way.
 */
export type Payload =
  | { readonly kind: 'none' }
  /** The client's own hash of the whole body, lower-case hex; the origin verifies it. */
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'unsigned' }
  /** Checksum fields follow the body. `names` are known beforehand, `fields` once the body was read to its end. */
  | { readonly kind: 'trailer'; readonly names: readonly string[]; readonly fields: () => HeaderList }

/** A form upload: its fields but those of its signature, which the origin's own credentials make anew. The body is the form from its file on. */
export interface OriginForm {
  readonly boundary: string
  readonly fields: readonly FormField[]
  /** The name that the client's machine had for the file; undefined without one. */
  readonly fileName: string | undefined
  /** What the client signed; undefined where nobody did. */
  readonly policy: PostPolicy | undefined
}

/** A request to an origin, free of the client's signature, host and hop-by-hop fields. */
export interface OriginRequest {
  readonly method: string
  /** Absent for service-level requests (ListBuckets). */
  readonly bucket: string | undefined
  /** Percent-encoded key exactly as the client sent it, without the slash before it; absent for bucket-level requests. */
  readonly rawKey: string | undefined
  /** Raw query without `?`, free of presign parameters; empty for none. */
  readonly rawQuery: string
  /**
   * `x-amz-*` parameters in the query stand for fields: the client sent a presigned URL. Absent: they do not. S3 reads them so in
   * presigned URLs only, and origins differ in which of them they read.
   */
  readonly presigned?: boolean
  /**
   * The request goes up in the client's name: to this path, with this Host, with `headers` as they are, signature included; nothing is
   * signed here and the body is sent as it is. Absent: the origin's own credentials sign it.
   */
  readonly asSent?: { readonly host: string; readonly rawPath: string }
  /** PostObject: what comes before the body. */
  readonly form?: OriginForm
  /** End-to-end fields to send. Content-Length is not among them. */
  readonly headers: HeaderList
  readonly payload: Payload
  readonly body: ByteSource
  /** Decoded body length in bytes; undefined only where the client did not say. */
  readonly bodyLength: number | undefined
  /** The body is asked for only once the origin wants it (`Expect: 100-continue`); absent: it is sent at once. */
  readonly awaitsContinue?: boolean
  /** Fires when nobody wants the answer any more. */
  readonly signal: AbortSignal | undefined
}

/** The part of a request that says it has no body. */
export const BODILESS = { payload: { kind: 'none' }, body: emptySource, bodyLength: 0 } as const satisfies Partial<OriginRequest>

/** An answer. Its body must be read to the end or cancelled. */
export interface OriginResponse {
  readonly status: number
  /** As the origin sent them, hop-by-hop fields included. */
  readonly headers: HeaderList
  readonly body: ByteSource
}

/** Where objects live. Adapters: S3 over HTTP(S), a local directory, and wrappers around either. */
export interface Origin {
  readonly name: string
  /** Names its objects in the cache, where that outlives the process: tells apart what had the same name at different times. Absent: `name`. */
  readonly cacheName?: string
  /** Sends one request. Rejects with OriginFailure only: any HTTP status is an answer, not a failure. */
  send(request: OriginRequest): Promise<OriginResponse>
  close(): Promise<void>
}

/** Why no answer came. `body`: the request body failed while it was being sent (its own error is the cause). */
export type OriginFailureKind = 'unreachable' | 'timeout' | 'reset' | 'aborted' | 'credentials' | 'body' | 'protocol'

/** No answer, or half an answer: also what an OriginResponse body rejects with. */
export class OriginFailure extends Error {
  override readonly name = 'OriginFailure'
  readonly kind: OriginFailureKind

  constructor(kind: OriginFailureKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}

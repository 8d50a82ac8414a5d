import { Refusal } from '../errors.ts'
import { EMPTY_SHA256, UNSIGNED_PAYLOAD } from './canonical.ts'

/** How aws-chunked bodies are protected. */
export type ChunkedMode =
  /** STREAMING-AWS4-HMAC-SHA256-PAYLOAD: every chunk is signed. */
  | 'signed'
  /** STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER: every chunk and the trailer. */
  | 'signed-trailer'
  /** STREAMING-UNSIGNED-PAYLOAD-TRAILER: nothing; a checksum follows the body. */
  | 'unsigned-trailer'

/** What a request says of its body in `x-amz-content-sha256`. */
export type DeclaredPayload =
  /** Lower-case hex SHA-256 of the whole body. */
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'chunked'; readonly mode: ChunkedMode }

const UNSIGNED: DeclaredPayload = { kind: 'unsigned' }
/** What most reads declare. */
const EMPTY: DeclaredPayload = { kind: 'sha256', hex: EMPTY_SHA256 }

const CHUNKED_MODES: Readonly<Record<string, ChunkedMode>> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': 'signed',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': 'signed-trailer',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': 'unsigned-trailer',
}

/**
 * Reads an `x-amz-content-sha256`; undefined (an anonymous request need not send it) means an unsigned body.
 * Throws Refusal InvalidArgument, or NotImplemented for SigV4A chunks.
 */
export function parsePayload(value: string | undefined): DeclaredPayload {
  if (value === undefined || value === UNSIGNED_PAYLOAD) return UNSIGNED
  if (value === EMPTY_SHA256) return EMPTY
  if (/^[0-9a-f]{64}$/.test(value)) return { kind: 'sha256', hex: value }
  const mode = CHUNKED_MODES[value]
  if (mode !== undefined) return { kind: 'chunked', mode }
  if (value.startsWith('STREAMING-AWS4-ECDSA-')) {
    throw new Refusal('NotImplemented', {
      message: 'Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not supported. Please use AWS4-HMAC-SHA256.',
    })
  }
  throw new Refusal('InvalidArgument', {
    message: `x-amz-content-sha256 must be ${UNSIGNED_PAYLOAD}, ${Object.keys(CHUNKED_MODES).join(', ')}, or a valid sha256 value.`,
    fields: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: value },
  })
}

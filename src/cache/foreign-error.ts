import { BodyMismatch, VersionGone } from './api.ts'
import type { ForeignError } from './message.ts'

/** How errors of the layer above, whose classes the cache does not know, get to another worker and stay what they are. */
export interface ErrorCodec {
  /** Something that survives a structured clone. */
  encode(error: unknown): unknown
  decode(value: unknown): unknown
}

/** Keeps the message of an error, and nothing else of it. */
export const MESSAGE_ONLY: ErrorCodec = {
  encode: (error) => (error instanceof Error ? error.message : String(error)),
  decode: (message) => new Error(String(message)),
}

export function encodeError(error: unknown, codec: ErrorCodec): ForeignError {
  if (error instanceof VersionGone) return { kind: 'version-gone', message: error.message }
  if (error instanceof BodyMismatch) return { kind: 'body-mismatch', message: error.message, longer: error.longer }
  return { kind: 'other', value: codec.encode(error) }
}

export function decodeError(error: ForeignError, codec: ErrorCodec): unknown {
  switch (error.kind) {
    case 'version-gone':
      return new VersionGone(error.message)
    case 'body-mismatch':
      return new BodyMismatch(error.message, error.longer)
    case 'other':
      return codec.decode(error.value)
  }
}

import { OriginFailure, type OriginFailureKind } from '../origin.ts'

/** What the codes of Node, TLS and undici errors mean; others are judged by how far the request had come. */
const KINDS: Readonly<Record<string, OriginFailureKind>> = {
  EADDRNOTAVAIL: 'unreachable',
  EAI_AGAIN: 'unreachable',
  ECONNREFUSED: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'unreachable',
  ETIMEDOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  // The connection ended inside a body.
  HPE_INVALID_EOF_STATE: 'reset',
  UND_ERR_ABORTED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_INVALID_ARG: 'protocol',
  UND_ERR_NOT_SUPPORTED: 'protocol',
}

/**
 * Turns what went wrong on the way to an origin into an OriginFailure. `connected`: the request had a connection, so that an unknown
 * error is not one of reaching the origin.
 */
export function upstreamFailure(error: unknown, task: string, connected: boolean): OriginFailure {
  if (error instanceof OriginFailure) return error
  const reason = error instanceof Error ? error.message || String(codeOf(error)) : String(error)
  return new OriginFailure(kindOf(error, connected), `Cannot ${task}: ${reason}`, { cause: error })
}

function kindOf(error: unknown, connected: boolean): OriginFailureKind {
  const kind = KINDS[codeOf(error) ?? '']
  if (kind !== undefined) return kind
  // The parser's own codes are not always set; its name is.
  if (error instanceof Error && error.name === 'HTTPParserError') return 'protocol'
  return connected ? 'reset' : 'unreachable'
}

function codeOf(error: unknown): string | undefined {
  // Node tries every address of a host and reports all failures together.
  if (error instanceof AggregateError && !hasCode(error)) return codeOf(error.errors[0])
  return hasCode(error) ? error.code : undefined
}

function hasCode(error: unknown): error is { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

/** Why the engine itself ends a connection or refuses a request; also the label under which it is counted. */
export type RefusalReason = keyof typeof REFUSALS

/** What the client is told. `status` undefined: nothing can be told, the connection just ends. */
interface Refusal {
  readonly status: number | undefined
  readonly text: string
}

/** Every refusal, its status and its sentence for people. */
export const REFUSALS = {
  'bad-request-line': { status: 400, text: 'The request line is not "method target HTTP/1.1"' },
  'unknown-method': { status: 405, text: 'The method is not supported' },
  'bad-target': { status: 400, text: 'The request target has an illegal form or byte' },
  'target-too-long': { status: 414, text: 'The request target is too long' },
  'unsupported-version': { status: 505, text: 'Only HTTP/1.1 and HTTP/1.0 are supported' },
  'bad-line-ending': { status: 400, text: 'Lines end with CR LF; a CR or LF alone is not allowed' },
  'folded-field': { status: 400, text: 'Folded header fields are not allowed' },
  'bad-field-name': { status: 400, text: 'A header field name has an illegal character' },
  'bad-field-value': { status: 400, text: 'A header field value has an illegal character' },
  'head-too-long': { status: 431, text: 'The request head is too long' },
  'too-many-fields': { status: 431, text: 'The request has too many header fields' },
  'missing-host': { status: 400, text: 'HTTP/1.1 requests need a Host header field' },
  'bad-host': { status: 400, text: 'The Host header field is repeated or malformed' },
  'bad-content-length': { status: 400, text: 'Content-Length is repeated or malformed' },
  'bad-transfer-encoding': { status: 400, text: 'The only supported Transfer-Encoding is a single "chunked" in HTTP/1.1' },
  'conflicting-framing': { status: 400, text: 'Content-Length and Transfer-Encoding exclude each other' },
  'bad-chunk': { status: 400, text: 'The chunked body is malformed' },
  'bad-trailer': { status: 400, text: 'The trailer section is malformed, too long, or has a forbidden field' },
  'head-timeout': { status: 408, text: 'The request head did not come in time' },
  'slow-request-body': { status: 408, text: 'The request body came too slowly' },
  'slow-reader': { status: undefined, text: 'The response was read too slowly' },
  'stalled-reader': { status: undefined, text: 'Nothing of the response was read while memory was short' },
  'connection-limit': { status: undefined, text: 'Too many connections' },
  'tls-handshake': { status: undefined, text: 'The TLS handshake failed' },
} as const satisfies Readonly<Record<string, Refusal>>

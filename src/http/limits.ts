/** Everything that is bounded in the engine. Times are checked by a sweep, so they may be up to one sweep interval off. */
export interface HttpLimits {
  /** Request line and header fields together. */
  readonly headBytes: number
  readonly fieldCountMax: number
  /** All chunk extensions of one body together. */
  readonly chunkExtensionBytes: number
  readonly trailerBytes: number
  readonly connections: number
  /** From the first byte of a head to its last; also the TLS handshake, and the rest of a body that nobody read. */
  readonly headTimeoutMs: number
  /** Between requests. Above the pool timeouts of common clients (60 s), so that they close first. */
  readonly idleTimeoutMs: number
  /** A body, either way, that moves slower than this over a whole window while the client is the one to act is cut. */
  readonly bodyRateBytesPerSecond: number
  readonly bodyRateWindowMs: number
  /** Request body bytes that wait for the handler; above it the socket is not read. */
  readonly bodyBufferBytes: number
  /** Bytes of later requests that wait while one is served; above it the socket is not read. */
  readonly pipelineBytes: number
  /** Response bytes that the kernel did not take; above it `ResponseStream.write` says wait. */
  readonly writeBufferBytes: number
  /** A client that took nothing of its response for this long is cut where memory is short. */
  readonly stallTimeoutMs: number
  /** And one that moves, but has held the same lent bytes for this long, where that does not suffice. */
  readonly lentTimeoutMs: number
  /** Rest of an unread request body that is swallowed to keep the connection. */
  readonly drainBytes: number
  /** Input that is swallowed after the last response so that the client can read it before it meets a reset. */
  readonly lingerBytes: number
  readonly lingerTimeoutMs: number
  /** A client that has closed its sending side is taken to be gone when nothing went out for this long. */
  readonly halfCloseGraceMs: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  headBytes: 64 * 1024,
  fieldCountMax: 200,
  chunkExtensionBytes: 16 * 1024,
  trailerBytes: 16 * 1024,
  connections: 10_000,
  headTimeoutMs: 15_000,
  idleTimeoutMs: 75_000,
  bodyRateBytesPerSecond: 1024,
  bodyRateWindowMs: 30_000,
  bodyBufferBytes: 256 * 1024,
  pipelineBytes: 64 * 1024,
  writeBufferBytes: 64 * 1024,
  stallTimeoutMs: 2_000,
  lentTimeoutMs: 10_000,
  drainBytes: 64 * 1024,
  lingerBytes: 16 * 1024 * 1024,
  lingerTimeoutMs: 5_000,
  halfCloseGraceMs: 1_000,
}

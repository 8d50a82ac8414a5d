/**
 * The words for what happened to a request. The same word stands in the Cache-Status field, the log line, the metric
 * label and the docs (RFC 9211 gives the shape of Cache-Status).
 */
export const OUTCOMES = {
  memory: 'every byte came from memory',
  disk: 'at least one byte came from the disk cache, none from the origin',
  coalesced: 'at least one byte came from a fetch that another request had begun, none from one of its own',
  miss: 'at least one byte was fetched from the origin for this request',
  revalidated: 'served from memory after the origin confirmed the version for this request',
  stale: 'served from memory past its freshness because the mode allows it',
  'not-modified': 'the client has the current version; answered without a body',
  pass: 'forwarded to the origin and streamed back, not looked up in the cache',
  write: 'forwarded to the origin; changed something there',
  refused: 'answered by hotbucket with an error: not authenticated, not allowed, malformed, or a condition that failed',
  failed: 'the origin gave no answer, or the answer broke off, or it was an error after a 200',
  'client-gone': 'the client left before it had its answer',
} as const

export type Outcome = keyof typeof OUTCOMES

export const OUTCOME_NAMES = Object.keys(OUTCOMES) as readonly Outcome[]

/** Why the decision was what it was. One word each; `docs/semantics.md` lists them. */
export const REASONS = {
  fresh: 'cached and within its mode',
  absent: 'not in the cache',
  expired: 'cached, but older than its mode allows',
  'strict-mode': 'the bucket asks the origin before every hit',
  'client-no-cache': 'the client asked for an end-to-end answer',
  'checksums-unknown': 'the client wants checksums, and only a part of the object was read so far',
  unproven: 'on disk from before a power cut, and asked about before its first use',
  'body-evicted': 'metadata was cached, some of the body was not',
  'stale-if-error': 'the origin could not be asked and the mode allows an old answer',
  'stale-while-revalidate': 'past its freshness; being revalidated in the background',
  'uncacheable-operation': 'an operation that is never cached',
  'uncacheable-request': 'a header or query parameter that the cache does not answer for',
  'uncacheable-object': 'the origin answers without a strong ETag or a length',
  'changing-object': 'the object changed at the origin whenever it was about to be read in pieces',
  'unusual-range': 'a Range form that origins answer differently',
  'memory-full': 'no room could be reserved',
  'only-if-cached': 'the client wanted a cached answer and there was none',
  condition: 'a condition of the request decided',
  'range-not-satisfiable': 'the range lies beyond the end',
  authentication: 'the request was not authenticated',
  authorization: 'the client has no grant for it',
  malformed: 'not a request that S3 knows',
  'slow-reader': 'the client took less of its answer than the minimum rate asks for, and was cut',
  'stalled-reader': 'the client took nothing of its answer while memory was short, and was cut',
  overload: 'a limit was reached',
  origin: 'the origin answered with an error, or not at all',
  internal: 'a fault of hotbucket itself',
} as const

export type Reason = keyof typeof REASONS

import type { Outcome, Reason } from './vocabulary.ts'

/**
 * Everything one request leaves behind. The path fills in facts; `settle` turns them into metrics, one log line and
 * whatever else, once. Times are monotonic milliseconds unless a name says otherwise.
 */
export class RequestRecord {
  readonly requestId: string
  /** Wall clock at the first byte of the head, milliseconds since the epoch. */
  readonly startedAtMs: number
  /** Monotonic clock at the same moment. */
  readonly startedMs: number
  clientAddress = ''
  method = ''
  /** S3 operation name, 'unknown' until the request was classified. */
  operation = 'unknown'
  bucket: string | undefined = undefined
  /** Decoded key as latin1 bytes. */
  key: string | undefined = undefined
  origin: string | undefined = undefined
  accessKeyId: string | undefined = undefined
  userAgent: string | undefined = undefined
  status = 0
  outcome: Outcome = 'failed'
  reason: Reason = 'internal'
  /** S3 error code of an answer that hotbucket made itself, or that stood in the body of an origin's 200. */
  errorCode: string | undefined = undefined
  /** What went wrong below, for the log; never shown to clients. */
  failure: string | undefined = undefined
  /** Body bytes sent to the client, and where they came from. */
  bytesSent = 0
  bytesFromMemory = 0
  bytesFromDisk = 0
  bytesCoalesced = 0
  bytesFromOrigin = 0
  /** Body bytes received from the client. */
  bytesReceived = 0
  /** Requests sent to the origin for this one. */
  originRequests = 0
  /** The origin's own id of the answer that was passed on. */
  originRequestId: string | undefined = undefined
  /** Longest wait for an origin's response head, ms. */
  originTtfbMs: number | undefined = undefined
  /** From the head's first byte to the first byte of the response handed to the socket, ms. */
  ttfbMs: number | undefined = undefined

  constructor(requestId: string, startedAtMs: number, startedMs: number) {
    this.requestId = requestId
    this.startedAtMs = startedAtMs
    this.startedMs = startedMs
  }
}

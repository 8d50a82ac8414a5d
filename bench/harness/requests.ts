import { renderHeaders } from '../../src/base/header-list.ts'
import { EMPTY_SHA256 } from '../../src/s3/sigv4/canonical.ts'
import { signRequest } from '../../src/s3/sigv4/sign.ts'
import { BENCH_CREDENTIALS, BENCH_REGION } from '../servers/hotbucket.ts'

/** GETs of the paths as they go on the wire, as small as an HTTP client sends them. */
export function plainRequests(paths: readonly string[], host: string): string[] {
  return paths.map((path) => `GET ${path} HTTP/1.1\r\n${renderHeaders(['Host', host])}\r\n`)
}

/** The same, signed in the header as the AWS SDKs do. Good for the quarter of an hour that S3 allows clocks to differ. */
export function signedRequests(paths: readonly string[], host: string, nowMs: number): string[] {
  return paths.map((path) => `GET ${path} HTTP/1.1\r\n${renderHeaders(signedFields(path, host, nowMs))}\r\n`)
}

/** The fields of a signed GET, `host` first. */
function signedFields(path: string, host: string, nowMs: number): string[] {
  const headers = ['host', host]
  const signing = { method: 'GET', rawPath: path, rawQuery: '', nowMs, credentials: BENCH_CREDENTIALS, region: BENCH_REGION }
  return [...headers, ...signRequest({ ...signing, headers, payloadHash: EMPTY_SHA256 })]
}

/** The same fields with a signature that is wrong in its last digit. */
export function forgedFields(path: string, host: string, nowMs: number): string[] {
  return signedFields(path, host, nowMs).map((text) =>
    text.replace(/0$|[1-9a-f]$/, (digit) => (text.startsWith('AWS4-') ? flipped(digit) : digit)),
  )
}

function flipped(digit: string): string {
  return digit === '0' ? '1' : '0'
}

import { withoutHeaders } from '../../base/header-list.ts'
import type { DialectName } from '../../config/config.ts'
import type { OriginRequest, OriginResponse } from '../origin.ts'

/**
 * What S3 services differ in as far as hotbucket itself decides it: in which form a body goes up. What the client asks for (conditional
 * writes, checksum algorithms, fields) is passed as it is, and the service answers for itself.
 */
interface Dialect {
  /** Takes STREAMING-UNSIGNED-PAYLOAD-TRAILER. `unknown`: it is tried, and a refusal is remembered. */
  readonly trailers: 'yes' | 'no' | 'unknown'
  /** Takes `x-id`, by which SDKs name the operation in the query and which means nothing. */
  readonly operationLabels: boolean
}

const DIALECTS: Readonly<Record<Exclude<DialectName, 'auto'>, Dialect>> = {
  aws: { trailers: 'yes', operationLabels: true },
  // Releases 18 and 20 do; 16 answers 411 to every upload with a trailer.
  ceph: { trailers: 'yes', operationLabels: true },
  'ceph-legacy': { trailers: 'no', operationLabels: true },
  gcs: { trailers: 'no', operationLabels: false },
  minio: { trailers: 'yes', operationLabels: true },
  r2: { trailers: 'no', operationLabels: true },
}

const UNKNOWN: Dialect = { trailers: 'unknown', operationLabels: true }

/** Services that their host names give away. */
const BY_HOST: readonly [RegExp, Exclude<DialectName, 'auto'>][] = [
  [/\.amazonaws\.com(?:\.cn)?$/, 'aws'],
  [/\.r2\.cloudflarestorage\.com$/, 'r2'],
  [/(?:^|\.)storage\.googleapis\.com$/, 'gcs'],
]

/** A header that says which checksum the trailer brings; alone, some services refuse it. */
const TRAILER_ALGORITHM = 'x-amz-sdk-checksum-algorithm'

/** How one origin wants its requests; for one that nobody described, learned from its answers. */
export class OriginDialect {
  readonly #dialect: Dialect
  #refusesTrailers: boolean

  constructor(name: DialectName, url: string) {
    const { hostname } = new URL(url)
    const known = name === 'auto' ? BY_HOST.find(([host]) => host.test(hostname))?.[1] : name
    this.#dialect = known === undefined ? UNKNOWN : DIALECTS[known]
    this.#refusesTrailers = this.#dialect.trailers === 'no'
  }

  /**
   * The request in a form that the service takes. Without trailers a body goes up plain: its checksum was verified on the way here,
   * before its last byte goes on, and the service keeps none.
   */
  adapt(request: OriginRequest): OriginRequest {
    const labelled = this.#dialect.operationLabels ? request : { ...request, rawQuery: withoutLabel(request.rawQuery) }
    if (!this.#refusesTrailers || request.payload.kind !== 'trailer') return labelled
    const headers = withoutHeaders(request.headers, (name) => name === TRAILER_ALGORITHM)
    return { ...labelled, headers, payload: { kind: 'unsigned' } }
  }

  /** True where an answer shows that the service knows no trailers; later uploads go without, this one has to be sent again. */
  learnsFrom(request: OriginRequest, response: OriginResponse): boolean {
    if (request.payload.kind !== 'trailer' || this.#dialect.trailers !== 'unknown' || this.#refusesTrailers) return false
    // Length Required although there was one, or Not Implemented.
    this.#refusesTrailers = response.status === 411 || response.status === 501
    return this.#refusesTrailers
  }
}

function withoutLabel(rawQuery: string): string {
  if (!rawQuery.includes('x-id=')) return rawQuery
  return rawQuery
    .split('&')
    .filter((parameter) => !parameter.startsWith('x-id='))
    .join('&')
}

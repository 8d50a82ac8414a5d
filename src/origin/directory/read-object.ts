import { setTimeout as delay } from 'node:timers/promises'
import { emptySource } from '../../base/byte-source.ts'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { evaluateConditions, ifRangeMatches, type Validators } from '../../s3/conditions.ts'
import { Refusal } from '../../s3/errors.ts'
import { wantsChecksums } from '../../s3/headers.ts'
import { formatHttpDate } from '../../s3/http-date.ts'
import { queryValue } from '../../s3/query.ts'
import { formatContentRange, parseRange, resolveRange, type ByteRange } from '../../s3/range.ts'
import type { OriginResponse } from '../origin.ts'
import { noSuchKey, type DirectoryCall } from './call.ts'
import { contentTypeOf } from './content-type.ts'
import type { DirectoryStore } from './directory-store.ts'
import type { OpenObject } from './directory-tree.ts'
import { FileSource } from './file-source.ts'
import { fileEtag, fileVersion, modifiedMs, untilStampSettledMs, type FileVersion } from './file-version.ts'
import { isStampOf, type ObjectMeta } from './object-meta.ts'

/** An object as it is now, its file open. */
export interface CurrentObject extends OpenObject, ObjectFacts {}

/** What is told of an object besides its bytes. */
export interface ObjectFacts {
  readonly version: FileVersion
  readonly validators: Validators
  readonly meta: ObjectMeta | undefined
}

/** A file that is written all the time never settles; after this many looks it is taken as it is. */
const SETTLE_LOOKS_MAX = 5
/** How often an object may be replaced while it is being opened. */
const OPEN_ATTEMPTS_MAX = 20

/** GetObject and HeadObject. */
export async function readObject(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { request, bucket, key } = call
  checkVersionId(call)
  const object = await openCurrent(store, bucket, key)
  if (object === undefined) {
    await store.tree.requireBucket(bucket)
    throw noSuchKey(key)
  }
  let body = emptySource
  try {
    const head = readHead(call, object)
    if (head.range !== undefined && request.method === 'GET' && head.range.end > head.range.start) {
      body = new FileSource(object.file, object.version, head.range, request.signal)
    }
    return { status: head.status, headers: head.headers, body }
  } finally {
    if (body === emptySource) await object.file.close()
  }
}

/** Opens an object once its file's stamp can be trusted; undefined where there is none. */
export async function openCurrent(store: DirectoryStore, bucket: string, key: string): Promise<CurrentObject | undefined> {
  for (let attempt = 1; ; attempt++) {
    const opened = await store.tree.openObject(bucket, key)
    if (opened === undefined) return undefined
    const { file } = opened
    try {
      const version = await settledVersion(store, opened)
      const facts = await objectFacts(store, { bucket, key, version })
      if (facts.meta !== undefined || attempt === OPEN_ATTEMPTS_MAX) return { file, ...facts }
      // Metadata goes with its version: if that was replaced or removed just now, only a new look tells what was lost.
      const now = fileVersion(await file.stat({ bigint: true }))
      if (now.links >= opened.version.links && now.links > 0n) return { file, ...facts }
    } catch (error) {
      await file.close()
      throw error
    }
    await file.close()
  }
}

async function settledVersion(store: DirectoryStore, opened: OpenObject): Promise<FileVersion> {
  let { version } = opened
  for (let look = 1; look < SETTLE_LOOKS_MAX; look++) {
    const waitMs = untilStampSettledMs(version, store.clock.nowMs())
    if (waitMs === 0) break
    await delay(waitMs)
    version = fileVersion(await opened.file.stat({ bigint: true }))
  }
  return version
}

/** Looks up what is known of an object whose file is in the given state. */
export async function objectFacts(
  store: DirectoryStore,
  object: { readonly bucket: string; readonly key: string; readonly version: FileVersion },
): Promise<ObjectFacts> {
  const { bucket, key, version } = object
  const meta = await store.metas.read(bucket, key, version)
  const etag = meta !== undefined && isStampOf(meta, version) ? meta.etag : fileEtag(version)
  return { version, meta, validators: { etag, lastModified: formatHttpDate(modifiedMs(version)) } }
}

/** There is one version of everything; S3 calls it `null` in a bucket that never had versions. */
function checkVersionId(call: DirectoryCall): void {
  const versionId = queryValue(call.query, 'versionId')
  if (versionId !== undefined && versionId !== 'null')
    throw new Refusal('NoSuchVersion', { fields: { Key: call.key, VersionId: versionId } })
}

/** Throws what a failed condition of a read or copy means. */
function preconditionFailed(headers: HeaderList): Refusal {
  const condition = headerValue(headers, 'if-match') === undefined ? 'If-Unmodified-Since' : 'If-Match'
  return new Refusal('PreconditionFailed', { fields: { Condition: condition } })
}

interface ReadHead {
  readonly status: number
  readonly headers: string[]
  /** Absent: no body. */
  readonly range: ByteRange | undefined
}

function readHead(call: DirectoryCall, object: ObjectFacts): ReadHead {
  const { headers, nowMs } = call
  const { validators } = object
  const condition = evaluateConditions(headers, validators, nowMs)
  if (condition === 'precondition-failed') throw preconditionFailed(headers)
  const told = toldHeaders(call, object)
  if (condition === 'not-modified') {
    return { status: 304, headers: keepOnly(told, NOT_MODIFIED_FIELDS), range: undefined }
  }
  const { sizeBytes } = object.version
  const part = partOf(call, object)
  const range = part?.range ?? rangeOf(call, object)
  const partial = range !== undefined
  const { start, end } = range ?? { start: 0, end: sizeBytes }
  const sent = [...told, 'content-length', String(end - start)]
  if (partial) sent.push('content-range', formatContentRange({ start, end }, sizeBytes))
  if (part?.count !== undefined) sent.push('x-amz-mp-parts-count', String(part.count))
  // SDKs would compare the whole object's checksum with the part they get.
  else if (!partial && wantsChecksums(headers, call.query)) sent.push(...(object.meta?.checksums ?? []))
  return { status: partial ? 206 : 200, headers: sent, range: { start, end } }
}

const NOT_MODIFIED_FIELDS: ReadonlySet<string> = new Set(['etag', 'last-modified', 'cache-control', 'expires'])

function keepOnly(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) if (names.has(headers[i] ?? '')) kept.push(headers[i] ?? '', headers[i + 1] ?? '')
  return kept
}

/** Query parameter of GetObject to the field that it overrides. */
const OVERRIDES: readonly (readonly [parameter: string, field: string])[] = [
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
  ['response-content-language', 'content-language'],
  ['response-content-type', 'content-type'],
  ['response-expires', 'expires'],
]

function toldHeaders(call: DirectoryCall, object: ObjectFacts): string[] {
  const fields = new Map<string, string>([
    ['accept-ranges', 'bytes'],
    ['etag', object.validators.etag],
    ['last-modified', object.validators.lastModified ?? ''],
    ['content-type', contentTypeOf(call.key)],
  ])
  const kept = object.meta?.headers ?? []
  for (let i = 0; i < kept.length; i += 2) fields.set(kept[i] ?? '', kept[i + 1] ?? '')
  for (const [parameter, field] of OVERRIDES) {
    const value = queryValue(call.query, parameter)
    // oxlint-disable-next-line no-control-regex -- a line break smuggled into a field is what this refuses
    if (value !== undefined && /[\x00-\x08\x0a-\x1f\x7f]/.test(value))
      throw new Refusal('InvalidArgument', { fields: { ArgumentName: parameter } })
    if (value !== undefined) fields.set(field, value)
  }
  return [...fields].flat()
}

/** S3 answers with the whole object where a Range is not one it understands; only what lies outside of the object is refused. */
function rangeOf(call: DirectoryCall, object: ObjectFacts): ByteRange | undefined {
  const value = headerValue(call.headers, 'range')
  const spec = parseRange(value)
  if (spec === undefined) return undefined
  const emptySuffix = value === 'bytes=-0'
  if (spec === 'unusual' && !emptySuffix) return undefined
  const ifRange = headerValue(call.headers, 'if-range')
  if (ifRange !== undefined && !ifRangeMatches(ifRange, object.validators, call.nowMs)) return undefined
  const { sizeBytes } = object.version
  const range = spec === 'unusual' ? 'unsatisfiable' : resolveRange(spec, sizeBytes)
  if (range !== 'unsatisfiable') return range
  throw new Refusal('InvalidRange', { fields: { RangeRequested: value ?? '', ActualObjectSize: String(sizeBytes) } })
}

/** The part that `?partNumber=` asks for. An object that was put in one piece is its own part 1. */
function partOf(
  call: DirectoryCall,
  object: ObjectFacts,
): { readonly range: ByteRange | undefined; readonly count: number | undefined } | undefined {
  const value = queryValue(call.query, 'partNumber')
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,4}$/.test(value) || headerValue(call.headers, 'range') !== undefined) {
    throw new Refusal('InvalidArgument', { fields: { ArgumentName: 'partNumber', ArgumentValue: value } })
  }
  const { sizeBytes } = object.version
  const sizes = object.meta?.parts ?? [sizeBytes]
  const index = Number(value) - 1
  const size = sizes[index]
  if (size === undefined) {
    throw new Refusal('InvalidRange', {
      message: 'The requested partnumber is not satisfiable',
      fields: { PartNumberRequested: value, ActualPartCount: String(sizes.length), ActualObjectSize: String(sizeBytes) },
    })
  }
  const start = sizes.slice(0, index).reduce((sum, each) => sum + each, 0)
  return { range: size === 0 ? undefined : { start, end: start + size }, count: object.meta?.parts?.length }
}

import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../../s3/errors.ts'
import { percentEncodePath } from '../../s3/percent.ts'
import { queryValue } from '../../s3/query.ts'
import { parseRange, resolveRange, type ByteRange } from '../../s3/range.ts'
import type { XmlNode } from '../../s3/xml.ts'
import type { OriginResponse } from '../origin.ts'
import { emptyAnswer, xmlAnswer } from './answer.ts'
import { BodyDigests } from './body-digests.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore } from './directory-store.ts'
import { OWNER, parseEncoding, parseMax } from './list-objects.ts'
import { copyToFile, receiveBody } from './receive-body.ts'
import { UploadStore, type Upload } from './upload-store.ts'
import { openCopySource, wholeOf } from './write-object.ts'
import { keptHeaders, refuseUnsupported } from './written-headers.ts'

const MAX_PARTS = 10_000
const MAX_LISTED = 1000

/** CreateMultipartUpload. */
export async function createUpload(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, key, headers, nowMs } = call
  refuseUnsupported(headers)
  await store.tree.requireBucket(bucket)
  const uploadId = await new UploadStore(store).create(bucket, { key, headers: keptHeaders(headers), initiatedMs: nowMs })
  const echoed = ['x-amz-checksum-algorithm', 'x-amz-checksum-type'].flatMap((name) => {
    const value = headerValue(headers, name)
    return value === undefined ? [] : [name, value]
  })
  const nodes: XmlNode[] = [
    ['Bucket', bucket],
    ['Key', key],
    ['UploadId', uploadId],
  ]
  return xmlAnswer(['InitiateMultipartUploadResult', nodes], echoed)
}

/** UploadPart. */
export async function uploadPart(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, key, request } = call
  refuseUnsupported(call.headers)
  const uploads = new UploadStore(store)
  const { uploadId } = await requireUpload(store, call)
  const partNumber = parsePartNumber(call)
  await using temporary = await store.temporaryFile()
  const { md5, sizeBytes, checksums } = await receiveBody(request, temporary.file)
  const etag = `"${md5}"`
  await uploads.require(bucket, key, uploadId)
  await uploads.addPart(bucket, uploadId, temporary, { partNumber, etag, sizeBytes, checksums })
  return emptyAnswer(200, ['etag', etag, ...checksums])
}

/** UploadPartCopy. */
export async function uploadPartCopy(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, headers } = call
  refuseUnsupported(headers)
  const { uploadId } = await requireUpload(store, call)
  const partNumber = parsePartNumber(call)
  const source = await openCopySource(store, call)
  try {
    const range = copyRange(headerValue(headers, 'x-amz-copy-source-range'), source.object.version.sizeBytes)
    await using temporary = await store.temporaryFile()
    const digests = new BodyDigests([])
    const sizeBytes = await copyToFile(wholeOf(source.object, call, range), temporary.file, (chunk) => digests.update(chunk))
    const etag = `"${digests.finish().md5}"`
    await new UploadStore(store).addPart(bucket, uploadId, temporary, { partNumber, etag, sizeBytes, checksums: [] })
    return xmlAnswer([
      'CopyPartResult',
      [
        ['LastModified', new Date(call.nowMs).toISOString()],
        ['ETag', etag],
      ],
    ])
  } finally {
    await source.object.file.close().catch(() => undefined)
  }
}

/** AbortMultipartUpload. */
export async function abortUpload(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { uploadId } = await requireUpload(store, call)
  await new UploadStore(store).remove(call.bucket, uploadId)
  return emptyAnswer(204)
}

/** ListParts. */
export async function listParts(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, key, query } = call
  const { uploadId } = await requireUpload(store, call)
  const maxParts = parseMax(queryValue(query, 'max-parts'), 'max-parts', MAX_LISTED)
  const marker = parseMax(queryValue(query, 'part-number-marker') ?? '0', 'part-number-marker', MAX_PARTS)
  const parts = (await new UploadStore(store).parts(bucket, uploadId)).filter((part) => part.partNumber > marker)
  const shown = parts.slice(0, maxParts)
  const urlEncoded = parseEncoding(call)
  return xmlAnswer([
    'ListPartsResult',
    [
      ['Bucket', bucket],
      ['Key', urlEncoded ? percentEncodePath(key) : key],
      urlEncoded ? ['EncodingType', 'url'] : undefined,
      ['UploadId', uploadId],
      ['PartNumberMarker', marker],
      ['NextPartNumberMarker', shown.at(-1)?.partNumber ?? 0],
      ['MaxParts', maxParts],
      ['IsTruncated', parts.length > shown.length],
      ['Initiator', OWNER[1]],
      OWNER,
      ['StorageClass', 'STANDARD'],
      ...shown.map((part): XmlNode => [
        'Part',
        [
          ['PartNumber', part.partNumber],
          ['LastModified', new Date(Math.floor(part.modifiedMs)).toISOString()],
          ['ETag', part.etag],
          ['Size', part.sizeBytes],
          ...checksumNodes(part.checksums),
        ],
      ]),
    ],
  ])
}

/** ListMultipartUploads. */
export async function listUploads(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, query } = call
  await store.tree.requireBucket(bucket)
  const prefix = queryValue(query, 'prefix') ?? ''
  const delimiter = queryValue(query, 'delimiter') ?? ''
  const keyMarker = queryValue(query, 'key-marker') ?? ''
  const idMarker = queryValue(query, 'upload-id-marker') ?? ''
  const maxUploads = parseMax(queryValue(query, 'max-uploads'), 'max-uploads', MAX_LISTED)
  const all = (await new UploadStore(store).all(bucket)).filter((upload) => upload.key.startsWith(prefix))
  const markedAt = all.findIndex((upload) => upload.key === keyMarker && upload.uploadId === idMarker)
  const rest = markedAt >= 0 ? all.slice(markedAt + 1) : all.filter((upload) => upload.key > keyMarker)
  const groupOf = (upload: Upload): string | undefined => {
    const at = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
    return at < 0 ? undefined : upload.key.slice(0, at + delimiter.length)
  }
  const shown = rest.slice(0, maxUploads)
  const groups = new Set(shown.map(groupOf).filter((group) => group !== undefined))
  const encode = parseEncoding(call) ? percentEncodePath : (text: string): string => text
  const last = shown.at(-1)
  const truncated = rest.length > shown.length && last !== undefined
  return xmlAnswer([
    'ListMultipartUploadsResult',
    [
      ['Bucket', bucket],
      ['KeyMarker', encode(keyMarker)],
      ['UploadIdMarker', idMarker],
      truncated ? ['NextKeyMarker', encode(last.key)] : undefined,
      truncated ? ['NextUploadIdMarker', last.uploadId] : undefined,
      ['Prefix', encode(prefix)],
      delimiter === '' ? undefined : ['Delimiter', encode(delimiter)],
      parseEncoding(call) ? ['EncodingType', 'url'] : undefined,
      ['MaxUploads', maxUploads],
      ['IsTruncated', truncated],
      ...shown.filter((upload) => groupOf(upload) === undefined).map((upload) => uploadNode(upload, encode)),
      ...[...groups].map((group): XmlNode => ['CommonPrefixes', [['Prefix', encode(group)]]]),
    ],
  ])
}

/** The upload that a request names. Throws Refusal NoSuchBucket, NoSuchUpload. */
export async function requireUpload(store: DirectoryStore, call: DirectoryCall): Promise<Upload> {
  await store.tree.requireBucket(call.bucket)
  return new UploadStore(store).require(call.bucket, call.key, queryValue(call.query, 'uploadId') ?? '')
}

/** `x-amz-checksum-crc32` is `ChecksumCRC32` in XML. */
export function checksumNodes(checksums: HeaderList): XmlNode[] {
  const nodes: XmlNode[] = []
  for (let i = 0; i < checksums.length; i += 2) {
    const name = checksums[i] ?? ''
    if (name === 'x-amz-checksum-type') nodes.push(['ChecksumType', checksums[i + 1] ?? ''])
    else nodes.push([`Checksum${name.slice('x-amz-checksum-'.length).toUpperCase()}`, checksums[i + 1] ?? ''])
  }
  return nodes
}

function uploadNode(upload: Upload, encode: (text: string) => string): XmlNode {
  return [
    'Upload',
    [
      ['Key', encode(upload.key)],
      ['UploadId', upload.uploadId],
      ['Initiator', OWNER[1]],
      OWNER,
      ['StorageClass', 'STANDARD'],
      ['Initiated', new Date(upload.initiatedMs).toISOString()],
    ],
  ]
}

function parsePartNumber(call: DirectoryCall): number {
  const value = queryValue(call.query, 'partNumber') ?? ''
  const partNumber = /^\d{1,5}$/.test(value) ? Number(value) : 0
  if (partNumber >= 1 && partNumber <= MAX_PARTS) return partNumber
  const message = `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`
  throw new Refusal('InvalidArgument', { message, fields: { ArgumentName: 'partNumber', ArgumentValue: value } })
}

/** Only `bytes=first-last` is allowed here, and it must lie within the source. */
function copyRange(value: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (value === undefined) return undefined
  const spec = parseRange(value)
  const range =
    spec === undefined || spec === 'unusual' || spec.kind !== 'span' || spec.last >= sizeBytes
      ? 'unsatisfiable'
      : resolveRange(spec, sizeBytes)
  if (range !== 'unsatisfiable') return range
  throw new Refusal('InvalidArgument', {
    message: `Range specified is not valid for source object of size: ${sizeBytes}`,
    fields: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: value },
  })
}

import { hash } from 'node:crypto'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { checksumOfField, createChecksum } from '../../s3/checksums.ts'
import { Refusal } from '../../s3/errors.ts'
import { isChecksumField } from '../../s3/headers.ts'
import { MAX_COMPLETE_XML_BYTES, parseCompleteMultipartUpload, type CompletedPart } from '../../s3/request-xml.ts'
import type { OriginResponse } from '../origin.ts'
import { xmlAnswer } from './answer.ts'
import { BodyDigests } from './body-digests.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore, TemporaryFile } from './directory-store.ts'
import { FileSource } from './file-source.ts'
import { fileVersion } from './file-version.ts'
import { checksumNodes, requireUpload } from './multipart.ts'
import { copyToFile, receiveDocument } from './receive-body.ts'
import { checkWriteConditions, storeObject } from './store-object.ts'
import { UploadStore, type UploadedPart } from './upload-store.ts'
import { fullObject } from './write-object.ts'

/** Every part but the last must have this much ("Multipart upload limits" in the S3 user guide). */
const PART_BYTES_MIN = 5 * 1024 ** 2

/**
 * CompleteMultipartUpload: checks the list against what was uploaded, joins the parts in a new file, and puts that in place. Two
 * at once for the same upload: one does it, the other finds no upload any more.
 */
export async function completeUpload(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, key, headers, request, nowMs } = call
  const uploads = new UploadStore(store)
  const { uploadId } = await requireUpload(store, call)
  const wanted = parseCompleteMultipartUpload(await receiveDocument(withoutObjectChecksums(request), MAX_COMPLETE_XML_BYTES))
  return store.locks.run(`upload ${uploadId}`, async () => {
    const upload = await requireUpload(store, call)
    const parts = chooseParts(wanted, await uploads.parts(bucket, uploadId))
    const target = { bucket, key, conditions: headers, nowMs }
    await checkWriteConditions(store, target)
    await using temporary = await store.temporaryFile()
    const checksums = await joinParts(uploads, temporary, parts, headers)
    const etag = `"${hash('md5', Buffer.concat(parts.map((part) => Buffer.from(bareEtag(part.etag), 'hex'))), 'hex')}-${parts.length}"`
    const sizes = parts.map((part) => part.sizeBytes)
    await storeObject(store, temporary, { ...target, meta: { etag, headers: upload.headers, checksums, parts: sizes } })
    await uploads.remove(bucket, uploadId)
    return xmlAnswer([
      'CompleteMultipartUploadResult',
      [['Location', `/${bucket}/${key}`], ['Bucket', bucket], ['Key', key], ['ETag', etag], ...checksumNodes(checksums)],
    ])
  })
}

/** The checksums in this request's header are those of the object, not of its own body. */
function withoutObjectChecksums(request: DirectoryCall['request']): DirectoryCall['request'] {
  const headers: string[] = []
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = request.headers[i] ?? ''
    if (!isChecksumField(name)) headers.push(name, request.headers[i + 1] ?? '')
  }
  return { ...request, headers }
}

function chooseParts(wanted: readonly CompletedPart[], uploaded: readonly UploadedPart[]): UploadedPart[] {
  const byNumber = new Map(uploaded.map((part) => [part.partNumber, part]))
  return wanted.map(({ partNumber, etag, checksums }, i) => {
    const part = byNumber.get(partNumber)
    if (part === undefined || bareEtag(part.etag) !== bareEtag(etag) || !sameChecksums(checksums, part.checksums)) {
      throw new Refusal('InvalidPart', { fields: { PartNumber: String(partNumber), ETag: bareEtag(etag) } })
    }
    if (i < wanted.length - 1 && part.sizeBytes < PART_BYTES_MIN) {
      const fields = { ProposedSize: String(part.sizeBytes), MinSizeAllowed: String(PART_BYTES_MIN), PartNumber: String(partNumber) }
      throw new Refusal('EntityTooSmall', { fields })
    }
    return part
  })
}

/** What was never given with the part cannot be compared. */
function sameChecksums(listed: ReadonlyMap<string, string>, uploaded: HeaderList): boolean {
  const known = new Map(checksumNodes(uploaded).map(([name, value]) => [name, value]))
  return [...listed].every(([name, value]) => (known.get(name) ?? value) === value)
}

function bareEtag(etag: string): string {
  return etag.replace(/^"|"$/g, '').toLowerCase()
}

/** Writes the parts one after the other, and verifies the object's checksums that the client gave. Gives them as fields. */
async function joinParts(
  uploads: UploadStore,
  temporary: TemporaryFile,
  parts: readonly UploadedPart[],
  headers: HeaderList,
): Promise<string[]> {
  const composite = compositeChecksums(parts, headers)
  const whole: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (isChecksumField(name) && headerValue(composite, name) === undefined) whole.push(name, headers[i + 1] ?? '')
  }
  const digests = new BodyDigests(whole)
  for (const part of parts) {
    const file = await uploads.openPart(part)
    const version = fileVersion(await file.stat({ bigint: true }))
    await copyToFile(new FileSource(file, version, { start: 0, end: version.sizeBytes }, undefined), temporary.file, (chunk) =>
      digests.update(chunk),
    )
    await file.close()
  }
  const { checksums } = digests.finish()
  if (composite.length > 0) return [...composite, 'x-amz-checksum-type', 'COMPOSITE']
  return fullObject(checksums)
}

/** Checksums of the form `value-N`: of the parts' checksums, one after the other. Throws Refusal BadDigest. */
function compositeChecksums(parts: readonly UploadedPart[], headers: HeaderList): string[] {
  const fields: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const given = headers[i + 1] ?? ''
    const algorithm = checksumOfField(name)
    if (algorithm === undefined || !given.includes('-')) continue
    const checksum = createChecksum(algorithm)
    for (const part of parts) checksum.update(Buffer.from(headerValue(part.checksums, name) ?? '', 'base64'))
    if (`${checksum.digestBase64()}-${parts.length}` !== given) throw new Refusal('BadDigest')
    fields.push(name, given)
  }
  return fields
}

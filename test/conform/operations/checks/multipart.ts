import { bodyOf } from '../../../clients/corpus.ts'
import { percentEncode } from '../../../clients/sign.ts'
import { Upload } from '@aws-sdk/lib-storage'
import { Readable } from 'node:stream'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const MIB = 1024 * 1024
const PART = 5 * MIB

type CreateInput = Partial<Parameters<Trial['s3']['createMultipartUpload']>[0]>
type CompleteInput = Partial<Parameters<Trial['s3']['completeMultipartUpload']>[0]>

interface Part {
  readonly PartNumber: number
  readonly ETag?: string
}

async function begin(t: Trial, input: CreateInput = {}, name = 'object'): Promise<string> {
  const { UploadId = '' } = await t.s3.createMultipartUpload({ ...t.at(name), ...input })
  return UploadId
}

async function sendPart(t: Trial, UploadId: string, PartNumber: number, sizeBytes: number): Promise<Part> {
  const { ETag } = await t.s3.uploadPart({ ...t.at(), UploadId, PartNumber, Body: bodyOf(`part ${PartNumber} ${sizeBytes}`, sizeBytes) })
  return ETag === undefined ? { PartNumber } : { PartNumber, ETag }
}

async function finish(t: Trial, UploadId: string, Parts: readonly Part[], input: CompleteInput = {}): Promise<void> {
  await t.may(t.s3.completeMultipartUpload({ ...t.at(), UploadId, MultipartUpload: { Parts: [...Parts] }, ...input }))
}

/** Uploads parts of these sizes over an object that is warm. */
function uploaded(sizes: readonly number[], input: CreateInput = {}): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before', Metadata: { was: 'before' } })
    await t.look()
    const id = await begin(t, input)
    await t.look()
    const parts: Part[] = []
    for (const [index, size] of sizes.entries()) parts.push(await sendPart(t, id, index + 1, size))
    await t.look()
    await t.may(t.s3.listParts({ ...t.at(), UploadId: id }))
    await finish(t, id, parts)
    await t.look()
    await t.may(t.s3.getObjectAttributes({ ...t.at(), ObjectAttributes: ['ETag', 'ObjectParts', 'ObjectSize', 'Checksum'] }))
    for (const PartNumber of [1, 2, sizes.length, sizes.length + 1]) {
      await t.may(t.s3.getObject({ ...t.at(), PartNumber }))
      await t.may(t.s3.headObject({ ...t.at(), PartNumber }))
    }
  }
}

/** A completion that does not fit what was uploaded; what stood there before must stay. */
function misfit(parts: (sent: readonly Part[]) => readonly Part[], sizes: readonly number[] = [PART, 10]): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before' })
    await t.look()
    const id = await begin(t)
    const sent: Part[] = []
    for (const [index, size] of sizes.entries()) sent.push(await sendPart(t, id, index + 1, size))
    await finish(t, id, parts(sent))
    await t.look()
  }
}

function partCopied(sizeBytes: number, range: string | undefined, more: Partial<Parameters<Trial['s3']['uploadPartCopy']>[0]> = {}): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at('source a+b'), Body: bodyOf('part source', sizeBytes) })
    await t.reads(async () => t.s3.getObject(t.at('source a+b')))
    const id = await begin(t)
    const CopySource = `${t.bucket}/${percentEncode(t.key('source a+b'), '/')}`
    const copy = await t.may(t.s3.uploadPartCopy({ ...t.at(), UploadId: id, PartNumber: 1, CopySource, CopySourceRange: range, ...more }))
    const ETag = copy?.CopyPartResult?.ETag
    await finish(t, id, [ETag === undefined ? { PartNumber: 1 } : { PartNumber: 1, ETag }])
    await t.look()
  }
}

const paged: Check = async (t) => {
  const bucket = await t.ownBucket()
  const ids: string[] = []
  for (const Key of ['a/1', 'a/2', 'b/1', 'ü b']) {
    const { UploadId = '' } = await t.s3.createMultipartUpload({ Bucket: bucket, Key })
    ids.push(UploadId)
  }
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket }))
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket, Prefix: 'a/' }))
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket, Delimiter: '/' }))
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket, EncodingType: 'url' }))
  const page = await t.may(t.s3.listMultipartUploads({ Bucket: bucket, MaxUploads: 2 }))
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket, KeyMarker: page?.NextKeyMarker, UploadIdMarker: page?.NextUploadIdMarker }))
  await t.s3.abortMultipartUpload({ Bucket: bucket, Key: 'a/1', UploadId: ids[0] })
  await t.may(t.s3.listMultipartUploads({ Bucket: bucket }))
}

async function viaLibrary(t: Trial, sizeBytes: number, Body: Buffer | Readable): Promise<void> {
  await t.s3.putObject({ ...t.at(), Body: 'before' })
  await t.look()
  // Parts go up at the same time, and in any order: only what becomes of them is compared.
  const plain = t.plainClient()
  await new Upload({ client: plain, params: { ...t.at(), Body }, partSize: PART, queueSize: 3 }).done().then(
    () => t.note(`uploaded ${sizeBytes}`),
    (error: unknown) => t.note(error instanceof Error ? error.name : String(error)),
  )
  plain.destroy()
  await t.look()
}

export const multipartChecks: CheckGroup = {
  name: 'multipart',
  checks: {
    'two parts': uploaded([PART, 1]),
    'one small part': uploaded([10]),
    'an empty part': uploaded([0]),
    'three parts': uploaded([PART, PART + 1, 3]),
    'with metadata': uploaded([PART, 1], {
      Metadata: { of: 'upload' },
      ContentType: 'text/parts',
      CacheControl: 'no-cache',
      Tagging: 'a=b',
    }),
    'with an ACL': uploaded([PART, 1], { ACL: 'public-read' }),
    'with checksums CRC32': uploaded([PART, 1], { ChecksumAlgorithm: 'CRC32' }),
    'with checksums SHA256': uploaded([PART, 1], { ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' }),
    'with checksums CRC64NVME': uploaded([PART, 1], { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' }),
    'parts in the wrong order': misfit((sent) => sent.toReversed()),
    'a part that was not sent': misfit((sent) => [...sent, { PartNumber: 9, ETag: sent[0]?.ETag ?? '' }]),
    'a part with another ETag': misfit((sent) => sent.map((part) => ({ ...part, ETag: '"d41d8cd98f00b204e9800998ecf8427e"' }))),
    'a part twice': misfit((sent) => [...sent.slice(0, 1), ...sent]),
    'no parts': misfit(() => []),
    'a part without ETag': misfit((sent) => sent.map(({ PartNumber }) => ({ PartNumber }))),
    'only one of two parts': misfit((sent) => sent.slice(0, 1)),
    'parts that are too small': misfit((sent) => sent, [10, 10]),
    'an unknown upload': async (t) => {
      for (const UploadId of ['no-such-upload', '']) {
        await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber: 1, Body: 'x' }))
        await t.may(t.s3.listParts({ ...t.at(), UploadId }))
        await t.may(t.s3.abortMultipartUpload({ ...t.at(), UploadId }))
      }
      await finish(t, 'no-such-upload', [{ PartNumber: 1, ETag: '"x"' }])
    },
    'part numbers out of bounds': async (t) => {
      const UploadId = await begin(t)
      for (const PartNumber of [0, -1, 10_001]) await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber, Body: 'x' }))
    },
    'an abort': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'before' })
      const UploadId = await begin(t)
      await sendPart(t, UploadId, 1, 100)
      await t.may(t.s3.abortMultipartUpload({ ...t.at(), UploadId }))
      await t.look()
      await t.may(t.s3.listParts({ ...t.at(), UploadId }))
      await t.may(t.s3.abortMultipartUpload({ ...t.at(), UploadId }))
    },
    'completed twice': async (t) => {
      const id = await begin(t)
      const part = await sendPart(t, id, 1, 100)
      await finish(t, id, [part])
      await finish(t, id, [part])
      await t.look()
    },
    'a part sent again': async (t) => {
      const id = await begin(t)
      await sendPart(t, id, 1, 100)
      const part = await sendPart(t, id, 1, 200)
      await finish(t, id, [part])
      await t.look()
    },
    'sparse part numbers': async (t) => {
      const id = await begin(t)
      const parts = [await sendPart(t, id, 3, PART), await sendPart(t, id, 700, 5)]
      await finish(t, id, parts)
      await t.look()
      await t.may(t.s3.getObject({ ...t.at(), PartNumber: 1 }))
      await t.may(t.s3.getObject({ ...t.at(), PartNumber: 3 }))
    },
    'parts listed by page': async (t) => {
      const UploadId = await begin(t)
      for (let i = 1; i <= 4; i++) await sendPart(t, UploadId, i, 10 * i)
      await t.may(t.s3.listParts({ ...t.at(), UploadId, MaxParts: 2 }))
      await t.may(t.s3.listParts({ ...t.at(), UploadId, PartNumberMarker: '2' }))
    },
    'two uploads of one key': async (t) => {
      const [first, second] = [await begin(t), await begin(t)]
      const [a, b] = [await sendPart(t, first, 1, 100), await sendPart(t, second, 1, 200)]
      await finish(t, second, [b])
      await t.look()
      await finish(t, first, [a])
      await t.look()
    },
    'completed where nothing may be': async (t) => {
      const id = await begin(t)
      const part = await sendPart(t, id, 1, 100)
      await finish(t, id, [part], { IfNoneMatch: '*' })
      await t.look()
      const again = await begin(t)
      await finish(t, again, [await sendPart(t, again, 1, 300)], { IfNoneMatch: '*' })
      await t.look()
    },
    'completed if another version stands there': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'before' })
      const id = await begin(t)
      await finish(t, id, [await sendPart(t, id, 1, 100)], { IfMatch: '"d41d8cd98f00b204e9800998ecf8427e"' })
      await t.look()
    },
    'a part with a wrong MD5': async (t) => {
      const UploadId = await begin(t)
      await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber: 1, Body: 'x', ContentMD5: 'rL0Y20zC+Fzt72VPzMSk2A==' }))
    },
    'a part as a stream': async (t) => {
      const UploadId = await begin(t)
      const Body = Readable.from([bodyOf('streamed part', MIB)])
      const part = await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber: 1, Body, ContentLength: MIB }))
      await finish(t, UploadId, [part?.ETag === undefined ? { PartNumber: 1 } : { PartNumber: 1, ETag: part.ETag }])
      await t.look()
    },
    'a part copied': partCopied(PART, undefined),
    'a part copied from a range': partCopied(PART, 'bytes=100-2000'),
    'a part copied from a range past the end': partCopied(1000, 'bytes=100-2000'),
    'a part copied from a malformed range': partCopied(1000, 'bytes=abc'),
    'a part copied from an open range': partCopied(1000, 'bytes=5-'),
    'a part copied if the source matches another': partCopied(1000, undefined, { CopySourceIfMatch: '"x"' }),
    'a part copied from a missing key': partCopied(10, undefined, { CopySource: 'hotbucket-conform-no-such-bucket/none' }),
    'uploads listed': paged,
    'malformed XML to complete': async (t) => {
      const uploadId = await begin(t)
      await t.may(t.send({ method: 'POST', path: t.path(), query: { uploadId }, body: Buffer.from('<Complete') }))
      await t.may(t.send({ method: 'POST', path: t.path(), query: { uploadId }, body: Buffer.from('') }))
    },
    'lib-storage, 17 MiB from a buffer': async (t) => viaLibrary(t, 17 * MIB, bodyOf('library', 17 * MIB)),
    'lib-storage, 11 MiB from a stream': async (t) => viaLibrary(t, 11 * MIB, Readable.from([bodyOf('library stream', 11 * MIB)])),
    'lib-storage, 1 MiB': async (t) => viaLibrary(t, MIB, bodyOf('library small', MIB)),
  },
}

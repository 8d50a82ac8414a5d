import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup } from '../trial.ts'

const MIB = 1024 * 1024
const SIZES = [0, 1, 4096, MIB - 1, MIB, MIB + 1, 9 * MIB]

/** Fields that a PUT may set and a GET must give back. */
const STORED: Readonly<Record<string, Record<string, unknown>>> = {
  'content type': { ContentType: 'text/plain; charset=utf-8' },
  'content type with quotes': { ContentType: 'multipart/mixed; boundary="a b"' },
  'cache control': { CacheControl: 'public, max-age=60, no-transform' },
  'cache control no-store': { CacheControl: 'no-store' },
  'content disposition': { ContentDisposition: 'attachment; filename="a b.txt"' },
  'content encoding gzip': { ContentEncoding: 'gzip' },
  'content language': { ContentLanguage: 'de, en' },
  expires: { Expires: new Date('2027-01-01T00:00:00Z') },
  'website redirect': { WebsiteRedirectLocation: '/elsewhere' },
  'storage class standard': { StorageClass: 'STANDARD' },
  'storage class unknown': { StorageClass: 'NO_SUCH_CLASS' },
  'one metadata field': { Metadata: { color: 'blue' } },
  'metadata in upper case': { Metadata: { Color: 'BLUE' } },
  'empty metadata value': { Metadata: { empty: '' } },
  'metadata with spaces': { Metadata: { text: 'a  b   c' } },
  'many metadata fields': { Metadata: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`field-${i}`, `value ${i}`])) },
  'metadata of 2 KiB': { Metadata: { long: 'x'.repeat(2000) } },
  'metadata of 9 KiB': { Metadata: { long: 'x'.repeat(9000) } },
  'encoded metadata': { Metadata: { text: '=?UTF-8?B?w6TDtsO8?=' } },
  tags: { Tagging: 'a=1&b=two%20words' },
  'canned ACL': { ACL: 'public-read' },
  'SSE-S3': { ServerSideEncryption: 'AES256' },
  'SSE-KMS without key': { ServerSideEncryption: 'aws:kms' },
}

function stored(input: Record<string, unknown>): Check {
  return async (t) => {
    await t.may(t.s3.putObject({ ...t.at(), Body: 'some text', ...input }))
    await t.look()
    await t.may(t.s3.getObjectTagging(t.at()))
  }
}

function sized(sizeBytes: number): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: bodyOf(`first ${sizeBytes}`, sizeBytes) })
    await t.look()
    await t.s3.putObject({ ...t.at(), Body: bodyOf(`second ${sizeBytes}`, sizeBytes) })
    await t.look()
    await t.s3.deleteObject(t.at())
    await t.look()
  }
}

function streamed(sizeBytes: number): Check {
  return async (t) => {
    const body = bodyOf(`stream ${sizeBytes}`, sizeBytes)
    await t.may(t.s3.putObject({ ...t.at(), Body: Readable.from(body.length === 0 ? [] : [body]), ContentLength: sizeBytes }))
    await t.look()
  }
}

/** The same key with bodies of different lengths: no byte of one may be next to a byte of another. */
const overwrites: Check = async (t) => {
  for (const sizeBytes of [10, 3 * MIB, 5, MIB, 2 * MIB + 7, 0, 11]) {
    await t.s3.putObject({ ...t.at(), Body: bodyOf(`version ${sizeBytes}`, sizeBytes) })
    await t.reads(async () => t.s3.getObject(t.at()))
    await t.may(t.s3.getObject({ ...t.at(), Range: 'bytes=4-20' }))
    await t.may(t.s3.headObject(t.at()))
  }
}

const fileUpload: Check = async (t) => {
  const url = new URL('../../../../package.json', import.meta.url)
  await t.may(t.s3.putObject({ ...t.at(), Body: createReadStream(url) }).then(() => t.note('stored')))
}

const md5 = (text: string): string => createHash('md5').update(text).digest('base64')

export const objectChecks: CheckGroup = {
  name: 'objects',
  checks: {
    ...Object.fromEntries(SIZES.map((size) => [`put, overwrite and delete ${size} bytes`, sized(size)])),
    ...Object.fromEntries([0, 1, 9000, MIB, 6 * MIB + 1].map((size) => [`put a stream of ${size} bytes`, streamed(size)])),
    ...Object.fromEntries(Object.entries(STORED).map(([name, input]) => [`put with ${name}`, stored(input)])),
    'overwrites of different lengths': overwrites,
    'a file as a stream': fileUpload,
    'get of a missing key': async (t) => t.look(),
    'get of a missing bucket': async (t) => {
      await t.may(t.s3.getObject({ Bucket: 'hotbucket-conform-no-such-bucket', Key: 'x' }))
      await t.may(t.s3.headObject({ Bucket: 'hotbucket-conform-no-such-bucket', Key: 'x' }))
      await t.may(t.s3.putObject({ Bucket: 'hotbucket-conform-no-such-bucket', Key: 'x', Body: 'x' }))
      await t.may(t.s3.deleteObject({ Bucket: 'hotbucket-conform-no-such-bucket', Key: 'x' }))
    },
    'a missing key appears': async (t) => {
      await t.look()
      await t.s3.putObject({ ...t.at(), Body: 'here' })
      await t.look()
    },
    'delete of a missing key': async (t) => t.may(t.s3.deleteObject(t.at())),
    'delete twice': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x' })
      await t.s3.deleteObject(t.at())
      await t.may(t.s3.deleteObject(t.at()))
      await t.look()
    },
    'put with the right Content-MD5': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text', ContentMD5: md5('text') })
      await t.look()
    },
    'put with a wrong Content-MD5': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'old' })
      await t.look()
      await t.may(t.s3.putObject({ ...t.at(), Body: 'text', ContentMD5: md5('other') }))
      await t.look()
    },
    'put with a malformed Content-MD5': async (t) => t.may(t.s3.putObject({ ...t.at(), Body: 'text', ContentMD5: 'YWJyYWNhZGFicmE=' })),
    'put replaces metadata': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text', Metadata: { a: '1', b: '2' }, ContentType: 'text/a' })
      await t.look()
      await t.s3.putObject({ ...t.at(), Body: 'text', Metadata: { c: '3' } })
      await t.look()
    },
    'attributes of an object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text' })
      for (let i = 0; i < 2; i++) {
        await t.may(t.s3.getObjectAttributes({ ...t.at(), ObjectAttributes: ['ETag', 'ObjectSize', 'Checksum', 'StorageClass'] }))
      }
      await t.may(t.s3.getObjectAttributes({ ...t.at('none'), ObjectAttributes: ['ETag'] }))
    },
    'torrent of an object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text' })
      await t.may(t.s3.getObjectTorrent(t.at()))
    },
    'restore of an object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text' })
      await t.may(t.s3.restoreObject({ ...t.at(), RestoreRequest: { Days: 1 } }))
      await t.look()
    },
    'head with a range': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'abcdefghij' })
      await t.reads(async () => t.s3.headObject({ ...t.at(), Range: 'bytes=2-4' }))
      await t.reads(async () => t.s3.headObject({ ...t.at(), Range: 'bytes=20-' }))
    },
    'select of a CSV object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'a,b\n1,2\n3,4\n' })
      await t.may(
        t.s3.selectObjectContent({
          ...t.at(),
          Expression: 'select * from s3object',
          ExpressionType: 'SQL',
          InputSerialization: { CSV: { FileHeaderInfo: 'NONE' } },
          OutputSerialization: { CSV: {} },
        }),
      )
    },
    'get with an expected owner': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text' })
      await t.reads(async () => t.s3.getObject({ ...t.at(), ExpectedBucketOwner: '123456789012' }))
    },
    'get as requester who pays': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'text' })
      await t.reads(async () => t.s3.getObject({ ...t.at(), RequestPayer: 'requester' }))
    },
    'parallel reads of one object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: bodyOf('parallel', 5 * MIB) })
      const ranges = Array.from({ length: 10 }, (_, i) => `bytes=${i * 524288}-${(i + 1) * 524288 - 1}`)
      for (let round = 0; round < 2; round++) {
        const replies = await Promise.all(ranges.map(async (range) => t.raw.send({ method: 'GET', path: t.path(), headers: { range } })))
        for (const reply of replies) t.note(`${reply.status} ${t.transcript.body(reply.body, reply.status)}`)
      }
    },
  },
}

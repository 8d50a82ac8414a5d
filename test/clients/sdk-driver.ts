/** The AWS SDK for JavaScript v3 with lib-storage and the presigner, behind the line protocol of the drivers. */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { type Action, type ActionArgs, type Answer, need, rangeField } from './client.ts'
import { percentEncode } from './sign.ts'

const MIB = 1024 * 1024
const PART_BYTES = 3 * MIB

const s3 = new S3Client({
  endpoint: need(process.argv[2], 'endpoint'),
  forcePathStyle: process.env['HOTBUCKET_TEST_STYLE'] === 'path',
  maxAttempts: 1,
})

let seen: string[] = []
s3.middlewareStack.add(
  (next) => async (args) => {
    const result = await next(args)
    const { headers } = result.response as { headers: Record<string, string> }
    seen.push(headers['cache-status'] ?? '')
    return result
  },
  { step: 'deserialize', priority: 'high', name: 'seeCacheStatus' },
)

interface Place {
  readonly Bucket: string
  readonly Key: string
}

function place(args: ActionArgs): Place {
  return { Bucket: args.bucket, Key: need(args.key, 'key') }
}

async function save(output: GetObjectCommandOutput, args: ActionArgs): Promise<Answer> {
  if (!(output.Body instanceof Readable)) throw new Error('Cannot save: the response has no body stream')
  await pipeline(output.Body, createWriteStream(need(args.file, 'file')))
  return { sizeBytes: output.ContentLength ?? -1, etag: output.ETag ?? '' }
}

async function get(args: ActionArgs, more: Partial<GetObjectCommandInput> = {}): Promise<Answer> {
  return save(await s3.send(new GetObjectCommand({ ...place(args), ...more })), args)
}

async function head(args: ActionArgs): Promise<Answer> {
  const output = await s3.send(new HeadObjectCommand(place(args)))
  return { sizeBytes: output.ContentLength ?? -1, etag: output.ETag ?? '' }
}

async function list(args: ActionArgs): Promise<Answer> {
  const listed: { key: string; sizeBytes: number }[] = []
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 9 }, { Bucket: args.bucket })) {
    for (const entry of page.Contents ?? []) listed.push({ key: entry.Key ?? '', sizeBytes: entry.Size ?? -1 })
  }
  return { listed }
}

/** Parallel ranged reads that insist on one version, as the SDK's transfer layers make them. */
async function multi(args: ActionArgs): Promise<Answer> {
  const { sizeBytes = -1, etag = '' } = await head(args)
  await using file = await open(need(args.file, 'file'), 'w')
  const starts = Array.from({ length: Math.ceil(sizeBytes / PART_BYTES) }, (_, index) => index * PART_BYTES)
  await Promise.all(
    starts.map(async (first) => {
      const Range = `bytes=${first}-${Math.min(first + PART_BYTES, sizeBytes) - 1}`
      const output = await s3.send(new GetObjectCommand({ ...place(args), Range, IfMatch: etag }))
      const bytes = await need(output.Body, 'Body').transformToByteArray()
      await file.write(bytes, 0, bytes.length, first)
    }),
  )
  return { sizeBytes, etag }
}

async function conditional(args: ActionArgs): Promise<Answer> {
  const more: Partial<GetObjectCommandInput> = {}
  if (args.ifMatch !== undefined) more.IfMatch = args.ifMatch
  if (args.ifNoneMatch !== undefined) more.IfNoneMatch = args.ifNoneMatch
  try {
    return { status: 200, ...(await get(args, more)) }
  } catch (error) {
    if (error instanceof S3ServiceException) return { status: error.$metadata.httpStatusCode ?? 0 }
    throw error
  }
}

async function put(args: ActionArgs): Promise<Answer> {
  const file = need(args.file, 'file')
  // A stream goes out as aws-chunked with a trailing checksum, a buffer with the checksum in its head: both are asked for.
  const bytes = await readFile(file)
  const streamed = bytes.length % 2 === 0
  const Body = streamed ? createReadStream(file) : bytes
  await s3.send(new PutObjectCommand({ ...place(args), Body, ContentLength: bytes.length }))
  return {}
}

async function multipart(args: ActionArgs): Promise<Answer> {
  const Body = createReadStream(need(args.file, 'file'))
  await new Upload({ client: s3, params: { ...place(args), Body }, partSize: 8 * MIB, queueSize: 3 }).done()
  return {}
}

async function removeMany(args: ActionArgs): Promise<Answer> {
  const Objects = need(args.keys, 'keys').map((Key) => ({ Key }))
  const output = await s3.send(new DeleteObjectsCommand({ Bucket: args.bucket, Delete: { Objects } }))
  if ((output.Errors ?? []).length > 0) throw new Error(JSON.stringify(output.Errors))
  return {}
}

const ACTIONS: Readonly<Record<Action, (args: ActionArgs) => Promise<Answer>>> = {
  list,
  head,
  get: async (args) => get(args),
  range: async (args) => get(args, { Range: rangeField(args) }),
  multi,
  conditional,
  put,
  multipart,
  async copy(args) {
    const CopySource = `${args.bucket}/${percentEncode(need(args.source, 'source'), '/')}`
    await s3.send(new CopyObjectCommand({ ...place(args), CopySource }))
    return {}
  },
  async remove(args) {
    await s3.send(new DeleteObjectCommand(place(args)))
    return {}
  },
  removeMany,
  presignGet: async (args) => ({ url: await getSignedUrl(s3, new GetObjectCommand(place(args)), { expiresIn: 600 }) }),
  presignPut: async (args) => ({ url: await getSignedUrl(s3, new PutObjectCommand(place(args)), { expiresIn: 600 }) }),
}

async function version(): Promise<string> {
  const manifest = await readFile(new URL('../../node_modules/@aws-sdk/client-s3/package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

for await (const line of createInterface({ input: process.stdin })) {
  const { action, args } = JSON.parse(line) as { action: Action | 'version'; args: ActionArgs }
  let reply: object
  try {
    seen = []
    const answer = action === 'version' ? { version: await version() } : await ACTIONS[action](args)
    reply = { answer: seen.length === 0 ? answer : { ...answer, cacheStatus: seen } }
  } catch (error) {
    const status = error instanceof S3ServiceException ? ` ${error.$metadata.httpStatusCode ?? ''}` : ''
    reply = { error: error instanceof Error ? `${error.name}${status}: ${error.message}\n${error.stack ?? ''}` : String(error) }
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}

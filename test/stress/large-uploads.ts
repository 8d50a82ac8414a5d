/**
 * `npm run test:uploads`: 1 GiB by one PUT and 5 GiB in parts stream through a hotbucket process of its own to an origin that checks every
 * byte, in the forms in which SDKs send bodies. The peak of the process's resident memory, all workers in it, is the result.
 */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { crc32 } from 'node:zlib'
import { signRequest } from '../../src/s3/sigv4/sign.ts'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { patternPieces } from './upload-pattern.ts'
import { UploadSink } from './upload-sink.ts'

const MIB = 1024 * 1024
const PART_BYTES = 64 * MIB
const PARTS_AT_ONCE = 4
const FRAME_BYTES = 64 * 1024
/** How much more memory a process may take for uploads than it had before the first one. */
export const GROWTH_BYTES_MAX = 64 * MIB
const CREDENTIALS = { accessKeyId: 'UPLOADS', secretAccessKey: 'uploads-secret' } as const

/**
 * `plain`: the body by its length, its hash unsigned. `expecting`: the same once the server has said that it wants it. `trailer`: in chunks with
 * a checksum behind them, as SDKs send it by default.
 */
export type BodyForm = 'plain' | 'expecting' | 'trailer'

export interface UploadResult {
  readonly what: string
  readonly sizeBytes: number
  readonly baseBytes: number
  readonly peakBytes: number
  readonly elapsedMs: number
}

interface Sizes {
  readonly putBytes: number
  readonly multipartBytes: number
}

/** Runs both uploads in both forms, each through a process of its own. Rejects where a byte differs. */
export async function uploadAll(sizes: Sizes, workers: number): Promise<UploadResult[]> {
  const results: UploadResult[] = []
  for (const form of ['plain', 'expecting', 'trailer'] as const) {
    results.push(
      await measure({ what: `one PUT, ${form}`, sizeBytes: sizes.putBytes, workers }, (to) => put(to, '/b/put', sizes.putBytes, form)),
    )
    results.push(
      await measure({ what: `multipart, ${form}`, sizeBytes: sizes.multipartBytes, workers }, (to) =>
        multipart(to, sizes.multipartBytes, form),
      ),
    )
  }
  return results
}

async function measure(
  of: { readonly what: string; readonly sizeBytes: number; readonly workers: number },
  upload: (to: HotbucketProcess) => Promise<void>,
): Promise<UploadResult> {
  const sink = new UploadSink()
  const args = ['--origin', await sink.start(), '--memory', '256MiB', '--workers', String(of.workers), '--log-level', 'warn']
  const env = { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey }
  const hotbucket = await startHotbucket(args, env)
  try {
    // What is loaded at the first request is no growth.
    await put(hotbucket, '/b/first', MIB, 'trailer')
    const baseBytes = await hotbucket.rssBytes()
    await forgetPeak(hotbucket.pid)
    const startedMs = performance.now()
    await upload(hotbucket)
    const elapsedMs = performance.now() - startedMs
    const peakBytes = await peakOf(hotbucket.pid)
    const arrived = sink.bodies.filter(({ path }) => !path.startsWith('/b/first')).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    if (sink.failure !== undefined || arrived !== of.sizeBytes)
      throw new Error(`${of.what}: ${sink.failure ?? `${arrived} of ${of.sizeBytes} bytes arrived`}`)
    return { what: of.what, sizeBytes: of.sizeBytes, baseBytes, peakBytes, elapsedMs }
  } finally {
    await hotbucket.stop()
    await sink.stop()
  }
}

/** Linux: the peak of resident memory counts from here on. */
async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024
}

async function multipart(to: HotbucketProcess, sizeBytes: number, form: BodyForm): Promise<void> {
  await ask(to, { method: 'POST', target: '/b/k?uploads' })
  let next = 1
  const parts = Math.ceil(sizeBytes / PART_BYTES)
  const sender = async (): Promise<void> => {
    for (let number = next++; number <= parts; number = next++) {
      const length = Math.min(PART_BYTES, sizeBytes - (number - 1) * PART_BYTES)
      await put(to, `/b/k?partNumber=${number}&uploadId=u`, length, form)
    }
  }
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sender))
  await ask(to, { method: 'POST', target: '/b/k?uploadId=u' })
}

async function put(to: HotbucketProcess, target: string, sizeBytes: number, form: BodyForm): Promise<void> {
  await ask(to, { method: 'PUT', target, body: { sizeBytes, form, seed: Number(/partNumber=(\d+)/.exec(target)?.[1] ?? 0) } })
}

interface Sent {
  readonly method: string
  readonly target: string
  readonly body?: { readonly sizeBytes: number; readonly form: BodyForm; readonly seed: number }
}

/** Sends one signed request; rejects where the answer is no 200. */
async function ask(to: HotbucketProcess, { method, target, body }: Sent): Promise<void> {
  const [rawPath = '', rawQuery = ''] = target.split('?')
  const { hostname, port, host } = new URL(to.endpoint)
  const fields = body === undefined ? ['content-length', '0'] : bodyFields(body)
  const payloadHash = body?.form === 'trailer' ? 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' : 'UNSIGNED-PAYLOAD'
  const headers = ['host', host, ...fields]
  const signing = { method, rawPath, rawQuery, headers, payloadHash, nowMs: Date.now(), credentials: CREDENTIALS, region: 'us-east-1' }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const sent = httpRequest(
    { hostname, port, method, path: target, headers: [...headers, ...signRequest(signing)], agent: false },
    (response) => {
      response.resume()
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${method} ${target}: ${response.statusCode}`)),
      )
    },
  )
  sent.once('error', reject)
  if (body?.form === 'expecting') {
    sent.flushHeaders()
    await once(sent, 'continue')
  }
  if (body !== undefined) for (const piece of piecesOf(body)) if (!sent.write(piece)) await drained(sent)
  sent.end()
  return promise
}

function drained(sent: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sent.off('drain', done).off('close', done)
      resolve()
    }
    sent.on('drain', done).on('close', done)
  })
}

function bodyFields({ sizeBytes, form }: NonNullable<Sent['body']>): string[] {
  if (form !== 'trailer') return ['content-length', String(sizeBytes), ...(form === 'expecting' ? ['expect', '100-continue'] : [])]
  const frames = Math.ceil(sizeBytes / FRAME_BYTES)
  const head = `${FRAME_BYTES.toString(16)}\r\n`.length + 2
  const length = sizeBytes + frames * head + '0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'.length
  const trailer = ['x-amz-trailer', 'x-amz-checksum-crc32', 'x-amz-decoded-content-length', String(sizeBytes)]
  return ['content-length', String(length), 'content-encoding', 'aws-chunked', ...trailer]
}

/** The bytes of a body; sizes are whole MiB, so that every chunk is full. */
function* piecesOf({ sizeBytes, form, seed }: NonNullable<Sent['body']>): Generator<Buffer> {
  let checksum = 0
  for (let number = 0; number < sizeBytes / MIB; number++) {
    const pieces = patternPieces(seed, number)
    if (form !== 'trailer') {
      yield* pieces
      continue
    }
    const mib = Buffer.concat(pieces)
    checksum = crc32(mib, checksum)
    yield framed(mib)
  }
  if (form !== 'trailer') return
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(checksum)
  yield Buffer.from(`0\r\nx-amz-checksum-crc32:${sum.toString('base64')}\r\n\r\n`)
}

function framed(bytes: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; at += FRAME_BYTES)
    frames.push(Buffer.from(`${FRAME_BYTES.toString(16)}\r\n`), bytes.subarray(at, at + FRAME_BYTES), Buffer.from('\r\n'))
  return Buffer.concat(frames)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'put-mib': { type: 'string', default: '1024' },
      'multipart-mib': { type: 'string', default: '5120' },
      workers: { type: 'string', default: '2' },
    },
  })
  const results = await uploadAll(
    { putBytes: Number(values['put-mib']) * MIB, multipartBytes: Number(values['multipart-mib']) * MIB },
    Number(values.workers),
  )
  for (const { what, sizeBytes, baseBytes, peakBytes, elapsedMs } of results) {
    const grown = peakBytes - baseBytes
    const verdict = grown <= GROWTH_BYTES_MAX ? 'ok' : 'TOO MUCH'
    const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`
    process.stdout.write(
      `${what}: ${mib(sizeBytes)} in ${(elapsedMs / 1000).toFixed(1)} s; resident ${mib(baseBytes)}, at most ${mib(peakBytes)}: grown by ${mib(grown)}, ${verdict}\n`,
    )
    if (grown > GROWTH_BYTES_MAX) process.exitCode = 1
  }
}

if (import.meta.main) await main()

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import {
  ACTION_TIMEOUT_MS,
  type Action,
  type ActionArgs,
  type ActionTable,
  type Answer,
  type Client,
  type Target,
  need,
  rangeField,
  sessionOf,
  targetUrl,
} from '../client.ts'
import { cleanEnvironment, run } from '../command.ts'
import { ReferenceClient, decodeListedKey } from '../reference-client.ts'
import { canonicalQuery, percentEncode } from '../sign.ts'

interface CurlAnswer extends Answer {
  readonly status: number
}

/** One request that curl signs by itself. */
interface SignedRequest {
  readonly args: ActionArgs
  readonly query?: string
  readonly words: readonly string[]
  readonly body?: Buffer
}

const UNABLE: Readonly<Partial<Record<Action, string>>> = {
  multi: 'reads over one connection',
  multipart: 'knows no multipart upload',
  removeMany: 'knows no DeleteObjects',
}

/** curl: its own `--aws-sigv4`, and URLs that were presigned beforehand. */
export function curl(): Client {
  return {
    name: 'curl',
    version: async () => /curl (\S+)/.exec((await run('curl', ['--version'])).stdout)?.[1] ?? 'unknown',
    limit: (action) => UNABLE[action],
    async open(target) {
      const presigner = new ReferenceClient(target.endpoint, target.credentials, { style: target.style })
      return sessionOf(curlActions(target, presigner), () => presigner.close())
    },
  }
}

/** Fetches or sends a URL as it stands. `status` is the code, whatever it is; `words` are curl's, `config` its configuration file. */
export async function curlUrl(
  url: string,
  file: string,
  words: readonly string[],
  more: { readonly home: string; readonly config?: string; readonly caFile?: string | undefined },
): Promise<CurlAnswer> {
  const heads = `${file}.heads`
  const trust = more.caFile === undefined ? [] : ['--cacert', more.caFile]
  const plain = ['-q', '-sS', ...trust, '--globoff', '--path-as-is', '--max-time', String(ACTION_TIMEOUT_MS / 1000)]
  const { stdout } = await run('curl', [...plain, '-D', heads, '-w', '%{http_code}', '-K', '-', ...words, url], {
    env: cleanEnvironment(more.home),
    input: more.config ?? '',
    timeoutMs: ACTION_TIMEOUT_MS,
  })
  const last = (await readFile(heads, 'latin1')).trimEnd().split('\r\n\r\n').at(-1) ?? ''
  const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(last)?.[1]?.trim() ?? ''
  const sizeBytes = Number(field('content-length') || -1)
  return { status: Number(stdout.slice(-3)), sizeBytes, etag: field('etag'), cacheStatus: [field('cache-status')] }
}

/** A presigned URL as it may be printed. */
export function withoutSignature(url: string): string {
  return url.replace(/(Signature=\w{8})\w+/, '$1…')
}

function curlActions(target: Target, presigner: ReferenceClient): ActionTable {
  const ok = async (request: SignedRequest): Promise<Answer> => expectOk(request, await signed(target, request))
  return {
    async list(args) {
      const file = need(args.file, 'file')
      await ok({ args, query: `?${canonicalQuery({ 'encoding-type': 'url', 'list-type': '2' })}`, words: ['-o', file] })
      const entries = (await readFile(file, 'utf8')).matchAll(/<Contents>.*?<Key>(.*?)<\/Key>.*?<Size>(\d+)<\/Size>.*?<\/Contents>/gs)
      return {
        listed: [...entries].map(([, key = '', size]) => ({ key: decodeListedKey(key), sizeBytes: Number(size) })),
      }
    },
    head: async (args) => ok({ args, words: ['--head', '-o', need(args.file, 'file')] }),
    get: async (args) => ok({ args, words: ['-o', need(args.file, 'file')] }),
    range: async (args) => ok({ args, words: ['-o', need(args.file, 'file'), '-H', `Range: ${rangeField(args)}`] }),
    conditional: async (args) => signed(target, { args, words: ['-o', need(args.file, 'file'), ...conditions(args)] }),
    async put(args) {
      const file = need(args.file, 'file')
      // With a URL that ends in a slash, -T appends the file's name.
      const append = args.key?.endsWith('/') === true
      const words = append ? ['-X', 'PUT', '-H', 'Content-Type: application/octet-stream', '--data-binary', `@${file}`] : ['-T', file]
      return ok({ args, words, body: await readFile(file) })
    },
    async copy(args) {
      const source = `/${args.bucket}/${percentEncode(need(args.source, 'source'), '/')}`
      return ok({ args, words: ['-X', 'PUT', '-H', `x-amz-copy-source: ${source}`] })
    },
    remove: async (args) => ok({ args, words: ['-X', 'DELETE'] }),
    presignGet: async (args) => ({ url: presigner.presign('GET', args.bucket, need(args.key, 'key')) }),
    presignPut: async (args) => ({ url: presigner.presign('PUT', args.bucket, need(args.key, 'key')) }),
  }
}

async function signed(target: Target, { args, query, words, body }: SignedRequest): Promise<CurlAnswer> {
  const { accessKeyId, secretAccessKey, region } = target.credentials
  const path = args.key === undefined ? '' : `/${percentEncode(args.key, '/')}`
  const url = `${targetUrl(target, args.bucket, path === '' ? '/' : path)}${query ?? ''}`
  const file = need(args.file, 'file')
  await (words.includes('-o') ? writeFile(file, '') : undefined)
  // On stdin, not on the command line: every user of a machine may read command lines.
  const config = `user = "${accessKeyId}:${secretAccessKey}"\n`
  // curl signs the field that S3 wants only where it is given (by itself since version 8).
  const hash = `x-amz-content-sha256: ${createHash('sha256')
    .update(body ?? '')
    .digest('hex')}`
  return curlUrl(url, file, ['--aws-sigv4', `aws:amz:${region}:s3`, '-H', hash, ...words], {
    home: target.home,
    config,
    caFile: target.caFile,
  })
}

async function expectOk({ args, query, words }: SignedRequest, answer: CurlAnswer): Promise<Answer> {
  if (answer.status < 300) return answer
  const body = words.includes('-o') ? (await readFile(need(args.file, 'file'), 'utf8')).slice(0, 500) : ''
  throw new Error(`$ curl --aws-sigv4 ${words.join(' ')} ${args.bucket}/${args.key ?? ''}${query ?? ''}\nstatus ${answer.status} ${body}`)
}

function conditions(args: ActionArgs): string[] {
  const words: string[] = []
  if (args.ifMatch !== undefined) words.push('-H', `If-Match: ${args.ifMatch}`)
  if (args.ifNoneMatch !== undefined) words.push('-H', `If-None-Match: ${args.ifNoneMatch}`)
  return words
}

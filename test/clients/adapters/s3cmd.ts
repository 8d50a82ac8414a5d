import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ACTION_TIMEOUT_MS,
  type Action,
  type ActionArgs,
  type ActionTable,
  type Client,
  type Target,
  keysOf,
  need,
  sessionOf,
} from '../client.ts'
import { type CommandOutput, cleanEnvironment, run } from '../command.ts'

const UNABLE: Readonly<Partial<Record<Action, string>>> = {
  multi: 'reads over one connection',
  presignGet: 'signs URLs with Signature Version 2 only',
  presignPut: 'signs URLs with Signature Version 2 only',
  conditional: 'has no conditional read',
  range: 'has no ranged read but the resuming of a download',
}

/** s3cmd: an old hand, with a SigV4 signer and an XML reader of its own. */
export function s3cmd(program: string): Client {
  return {
    name: 's3cmd',
    version: async () => /version (\S+)/.exec((await run(program, ['--version'])).stdout)?.[1] ?? 'unknown',
    limit(action, args) {
      if (action === 'range' && args.last === undefined && (args.first ?? 0) > 0) return undefined
      const folder = action !== 'head' && keysOf(args).some((key) => key.endsWith('/'))
      return UNABLE[action] ?? (folder ? 'takes a key that ends in a slash for a folder' : undefined)
    },
    listedAs: (key) => (key.endsWith('/') ? undefined : key),
    async open(target) {
      const file = join(target.home, 's3cfg')
      await writeFile(file, configuration(target))
      const options = { env: cleanEnvironment(target.home), timeoutMs: ACTION_TIMEOUT_MS }
      return sessionOf(s3cmdActions((...words) => run(program, ['-c', file, '--no-progress', ...words], options)))
    },
  }
}

function configuration(target: Target): string {
  const { host, protocol } = new URL(target.endpoint)
  return `[default]
access_key = ${target.credentials.accessKeyId}
secret_key = ${target.credentials.secretAccessKey}
bucket_location = ${target.credentials.region}
host_base = ${host}
host_bucket = ${target.style === 'path' ? host : `%(bucket)s.${host}`}
ca_certs_file = ${target.caFile ?? ''}
use_https = ${protocol === 'https:' ? 'True' : 'False'}
signature_v2 = False
multipart_chunk_size_mb = 8
max_retries = 1
`
}

function s3cmdActions(s3cmd: (...words: string[]) => Promise<CommandOutput>): ActionTable {
  const done = async (...words: string[]): Promise<undefined> => {
    await s3cmd(...words)
  }
  return {
    list: async (args) => ({ listed: parseListing((await s3cmd('ls', '--recursive', `s3://${args.bucket}`)).stdout, args.bucket) }),
    head: async (args) => ({ sizeBytes: Number(/File size: +(\d+)/.exec((await s3cmd('info', urlOf(args))).stdout)?.[1] ?? -1) }),
    get: async (args) => done('get', '--force', urlOf(args), need(args.file, 'file')),
    async range(args) {
      // Resumes a download of which `first` bytes are there already; they are zeros, and cut off again afterwards.
      const [file, first] = [need(args.file, 'file'), need(args.first, 'first')]
      await writeFile(file, Buffer.alloc(first))
      await s3cmd('get', '--continue', '--no-check-md5', urlOf(args), file)
      await run('/bin/sh', ['-c', 'tail -c +"$2" "$1" >"$1.tail" && mv "$1.tail" "$1"', 'sh', file, String(first + 1)])
      return undefined
    },
    put: async (args) => done('put', '--disable-multipart', need(args.file, 'file'), urlOf(args)),
    multipart: async (args) => done('put', need(args.file, 'file'), urlOf(args)),
    copy: async (args) => done('cp', `s3://${args.bucket}/${need(args.source, 'source')}`, urlOf(args)),
    remove: async (args) => done('rm', urlOf(args)),
    removeMany: async (args) => done('rm', ...need(args.keys, 'keys').map((key) => `s3://${args.bucket}/${key}`)),
  }
}

function urlOf(args: ActionArgs): string {
  return `s3://${args.bucket}/${need(args.key, 'key')}`
}

/** Lines of `2026-11-21 12:00         4096  s3://bucket/the key`. */
function parseListing(stdout: string, bucket: string): { key: string; sizeBytes: number }[] {
  const lines = stdout.matchAll(/^\S+ \S+ +(\d+) +s3:\/\/([^/\n]+)\/(.*)$/gm)
  return [...lines].filter(([, , name]) => name === bucket).map(([, size, , key]) => ({ key: key ?? '', sizeBytes: Number(size) }))
}

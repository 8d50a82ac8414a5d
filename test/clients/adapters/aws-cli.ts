import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ACTION_TIMEOUT_MS,
  type ActionArgs,
  type ActionTable,
  type Answer,
  type Client,
  type Target,
  need,
  rangeField,
  sessionOf,
} from '../client.ts'
import { type CommandOutput, CommandFailure, run } from '../command.ts'
import { awsEnvironment } from './libraries.ts'

type Aws = (...words: string[]) => Promise<CommandOutput>

const configuration = (style: string): string => `[default]
s3 =
  addressing_style = ${style}
  signature_version = s3v4
  multipart_threshold = 8MB
  multipart_chunksize = 8MB
  max_concurrent_requests = 6
`

/** The AWS CLI: `aws s3` for what people do with it, `aws s3api` for the rest. */
export function awsCli(program: string, name: 'aws-cli' | 'aws-cli-2'): Client {
  return {
    name,
    version: async () => /aws-cli\/(\S+)/.exec((await run(program, ['--version'])).stdout)?.[1] ?? 'unknown',
    limit(action, args) {
      if (action === 'presignPut') return 'presigns GET only'
      const streams = action === 'get' || action === 'multi' || action === 'put'
      return streams && args.key?.endsWith('/') === true ? '`aws s3 cp` takes a key that ends in a slash for a folder' : undefined
    },
    async open(target) {
      const file = join(target.home, 'aws-config')
      await writeFile(file, configuration(target.style === 'path' ? 'path' : 'virtual'))
      const env = awsEnvironment(target, { AWS_CONFIG_FILE: file, AWS_PAGER: '' })
      return sessionOf(
        awsActions(target, (...words) =>
          run(program, ['--endpoint-url', target.endpoint, ...words], { env, timeoutMs: ACTION_TIMEOUT_MS }),
        ),
      )
    },
  }
}

function awsActions(target: Target, aws: Aws): ActionTable {
  const copyFrom = async (source: string, to: string): Promise<undefined> => {
    await aws('s3', 'cp', '--only-show-errors', source, to)
  }
  const download = async (args: ActionArgs): Promise<undefined> => copyFrom(urlOf(args), need(args.file, 'file'))
  const upload = async (args: ActionArgs): Promise<undefined> => copyFrom(need(args.file, 'file'), urlOf(args))
  return {
    list: async (args) => ({
      listed: parseListing((await aws('s3', 'ls', '--recursive', '--page-size', '7', `s3://${args.bucket}`)).stdout),
    }),
    async head(args) {
      const { stdout } = await aws('s3api', 'head-object', ...place(args))
      const head = JSON.parse(stdout) as { ContentLength: number; ETag: string }
      return { sizeBytes: head.ContentLength, etag: head.ETag }
    },
    get: download,
    multi: download,
    async range(args) {
      await aws('s3api', 'get-object', ...place(args), '--range', rangeField(args), need(args.file, 'file'))
      return undefined
    },
    conditional: async (args) => conditional(args, aws),
    put: upload,
    multipart: upload,
    copy: async (args) => copyFrom(`s3://${args.bucket}/${need(args.source, 'source')}`, urlOf(args)),
    async remove(args) {
      await aws('s3', 'rm', '--only-show-errors', urlOf(args))
      return undefined
    },
    async removeMany(args) {
      const file = join(target.home, 'delete.json')
      await writeFile(file, JSON.stringify({ Objects: need(args.keys, 'keys').map((key) => ({ Key: key })) }))
      const { stdout } = await aws('s3api', 'delete-objects', '--bucket', args.bucket, '--delete', `file://${file}`)
      const { Errors = [] } = JSON.parse(stdout) as { Errors?: unknown[] }
      if (Errors.length > 0) throw new Error(`Cannot delete: ${stdout}`)
      return undefined
    },
    presignGet: async (args) => ({ url: (await aws('s3', 'presign', '--expires-in', '600', urlOf(args))).stdout.trim() }),
  }
}

async function conditional(args: ActionArgs, aws: Aws): Promise<Answer> {
  const conditions: string[] = []
  if (args.ifMatch !== undefined) conditions.push('--if-match', args.ifMatch)
  if (args.ifNoneMatch !== undefined) conditions.push('--if-none-match', args.ifNoneMatch)
  // The debug log has the status as it came; the error texts depend on the server's.
  const words = ['s3api', 'get-object', ...place(args), ...conditions, need(args.file, 'file'), '--debug']
  const stderr = await aws(...words).then(
    (output) => output.stderr,
    (error: unknown) => (error instanceof CommandFailure ? error.output.stderr : ''),
  )
  return { status: Number(/HTTP\/1\.1" (\d{3})/.exec(stderr)?.[1] ?? 0) }
}

function urlOf(args: ActionArgs): string {
  return `s3://${args.bucket}/${need(args.key, 'key')}`
}

function place(args: ActionArgs): string[] {
  return ['--bucket', args.bucket, '--key', need(args.key, 'key')]
}

/** Lines of `2026-11-21 12:00:00       4096 the key`. */
function parseListing(stdout: string): { key: string; sizeBytes: number }[] {
  return [...stdout.matchAll(/^\S+ \S+ +(\d+) (.*)$/gm)].map(([, size, key]) => ({ key: key ?? '', sizeBytes: Number(size) }))
}

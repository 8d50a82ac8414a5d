import { writeFile } from 'node:fs/promises'
import {
  ACTION_TIMEOUT_MS,
  type Action,
  type ActionArgs,
  type ActionTable,
  type Client,
  type Target,
  need,
  pathLimit,
  sessionOf,
} from '../client.ts'
import { type CommandOutput, cleanEnvironment, run } from '../command.ts'

interface Entry {
  readonly Path: string
  readonly Size: number
}

const ONE_TRY = ['--retries', '1', '--low-level-retries', '1', '--ignore-times', '--s3-no-check-bucket']
const MULTI_THREADED = ['--multi-thread-cutoff', '5M', '--multi-thread-streams', '4', '--multi-thread-chunk-size', '3M']

/** rclone, its S3 backend as provider "Other": what a person gets who types in an endpoint. */
export function rclone(program: string): Client {
  return {
    name: 'rclone',
    version: async () => /rclone v?(\S+)/.exec((await run(program, ['version'])).stdout)?.[1] ?? 'unknown',
    limit,
    listedAs: withWideDots,
    open: async (target) => sessionOf(rcloneActions(program, environment(target))),
  }
}

function limit(action: Action, args: ActionArgs): string | undefined {
  if (action === 'presignPut') return 'makes links for GET only'
  if (action === 'conditional') return 'has no conditional read'
  return pathLimit(args)
}

function environment(target: Target): Record<string, string> {
  return cleanEnvironment(target.home, {
    RCLONE_CONFIG: '',
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: 'Other',
    RCLONE_CONFIG_S3_ENDPOINT: target.endpoint,
    RCLONE_CONFIG_S3_FORCE_PATH_STYLE: String(target.style === 'path'),
    ...(target.caFile === undefined ? {} : { RCLONE_CA_CERT: target.caFile }),
    RCLONE_CONFIG_S3_REGION: target.credentials.region,
    RCLONE_CONFIG_S3_ACCESS_KEY_ID: target.credentials.accessKeyId,
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
  })
}

function rcloneActions(program: string, env: Readonly<Record<string, string>>): ActionTable {
  const options = { env, timeoutMs: ACTION_TIMEOUT_MS }
  const rclone = async (...words: string[]): Promise<CommandOutput> => run(program, [...words, ...ONE_TRY], options)
  const copyTo = async (source: string, target: string, ...words: string[]): Promise<undefined> => {
    await rclone('copyto', ...words, source, target)
  }
  return {
    async list(args) {
      const { stdout } = await rclone('lsjson', '-R', '--files-only', '--no-modtime', `s3:${args.bucket}`)
      return { listed: (JSON.parse(stdout) as Entry[]).map((entry) => ({ key: entry.Path, sizeBytes: entry.Size })) }
    },
    head: async (args) => ({ sizeBytes: (JSON.parse((await rclone('lsjson', '--stat', urlOf(args))).stdout) as Entry).Size }),
    get: async (args) => copyTo(urlOf(args), need(args.file, 'file'), '--multi-thread-streams', '0'),
    multi: async (args) => copyTo(urlOf(args), need(args.file, 'file'), ...MULTI_THREADED),
    async range(args) {
      const first = need(args.first, 'first')
      const offset = first < 0 ? need(args.sizeBytes, 'sizeBytes') + first : first
      const count = args.last === undefined ? [] : ['--count', String(args.last - offset + 1)]
      const words = [program, 'cat', '--offset', String(offset), ...count, urlOf(args), ...ONE_TRY]
      // The bytes may be any, and `run` reads text: a shell's redirection keeps them as they are.
      await run('/bin/sh', ['-c', 'out=$1; shift; exec "$@" >"$out"', 'sh', need(args.file, 'file'), ...words], options)
      return undefined
    },
    put: async (args) => copyTo(need(args.file, 'file'), urlOf(args), '--s3-upload-cutoff', '100M'),
    multipart: async (args) => copyTo(need(args.file, 'file'), urlOf(args), '--s3-upload-cutoff', '8M', '--s3-chunk-size', '8M'),
    copy: async (args) => copyTo(`s3:${args.bucket}/${need(args.source, 'source')}`, urlOf(args), '--s3-copy-cutoff', '10M'),
    async remove(args) {
      await rclone('deletefile', urlOf(args))
      return undefined
    },
    async removeMany(args) {
      const file = `${need(args.file, 'file')}.keys`
      await writeFile(
        file,
        need(args.keys, 'keys')
          .map((key) => `${key}\n`)
          .join(''),
      )
      await rclone('delete', '--files-from-raw', file, `s3:${args.bucket}`)
      return undefined
    },
    presignGet: async (args) => ({ url: (await rclone('link', '--expire', '10m', urlOf(args))).stdout.trim() }),
  }
}

/** rclone shows the path segments "." and ".." with wide dots, which no file system takes for itself. */
function withWideDots(key: string): string {
  return key.replaceAll(/(?<=^|\/)\.{1,2}(?=\/|$)/g, (dots) => '．'.repeat(dots.length))
}

function urlOf(args: ActionArgs): string {
  return `s3:${args.bucket}/${need(args.key, 'key')}`
}

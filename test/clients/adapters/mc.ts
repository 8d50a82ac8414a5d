import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ACTION_TIMEOUT_MS, type Action, type ActionArgs, type ActionTable, type Client, need, pathLimit, sessionOf } from '../client.ts'
import { type CommandOutput, cleanEnvironment, run } from '../command.ts'

interface Entry {
  readonly key?: string
  readonly size?: number
  readonly etag?: string
  readonly status?: string
}

const UNABLE: Readonly<Partial<Record<Action, string>>> = {
  multi: 'reads over one connection',
  conditional: 'has no conditional read',
  presignPut: 'makes upload forms, not PUT URLs',
  range: 'has no ranged read',
}

/** mc, MinIO's own command line, over minio-go: signed chunks on every upload over http. */
export function mc(program: string, version: string): Client {
  return {
    name: 'mc',
    version: async () => version,
    limit: (action, args) => UNABLE[action] ?? pathLimit(args) ?? dotLimit(args),
    listedAs: (key) => (/(^|\/)\.{0,2}\/|^\/|\/$/.test(key) ? undefined : key),
    async open(target) {
      const certificates = join(target.home, '.mc', 'certs', 'CAs')
      await mkdir(certificates, { recursive: true })
      if (target.caFile !== undefined) await writeFile(join(certificates, 'ca.pem'), await readFile(target.caFile))
      const options = { env: cleanEnvironment(target.home), timeoutMs: ACTION_TIMEOUT_MS }
      const mc = async (...words: string[]): Promise<CommandOutput> => run(program, ['--json', ...words], options)
      const { accessKeyId, secretAccessKey } = target.credentials
      const path = target.style === 'path' ? 'on' : 'off'
      await mc('alias', 'set', 'there', target.endpoint, accessKeyId, secretAccessKey, '--api', 's3v4', '--path', path)
      return sessionOf(mcActions(mc))
    },
  }
}

function dotLimit(args: ActionArgs): string | undefined {
  return args.key?.startsWith('/') === true ? 'has no empty path segments' : undefined
}

function mcActions(mc: (...words: string[]) => Promise<CommandOutput>): ActionTable {
  const done = async (...words: string[]): Promise<undefined> => {
    await mc(...words)
  }
  return {
    async list(args) {
      const { stdout } = await mc('ls', '--recursive', `there/${args.bucket}`)
      return { listed: entries(stdout).map((entry) => ({ key: entry.key ?? '', sizeBytes: entry.size ?? -1 })) }
    },
    async head(args) {
      const [entry] = entries((await mc('stat', urlOf(args))).stdout)
      return { sizeBytes: entry?.size ?? -1, etag: entry?.etag ?? '' }
    },
    get: async (args) => done('cp', urlOf(args), need(args.file, 'file')),
    put: async (args) => done('cp', '--disable-multipart', need(args.file, 'file'), urlOf(args)),
    multipart: async (args) => done('cp', need(args.file, 'file'), urlOf(args)),
    copy: async (args) => done('cp', `there/${args.bucket}/${need(args.source, 'source')}`, urlOf(args)),
    remove: async (args) => done('rm', urlOf(args)),
    removeMany: async (args) => done('rm', ...need(args.keys, 'keys').map((key) => `there/${args.bucket}/${key}`)),
    async presignGet(args) {
      const { stdout } = await mc('share', 'download', '--expire', '10m', urlOf(args))
      return { url: (JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { share?: string }).share ?? '' }
    },
  }
}

function urlOf(args: ActionArgs): string {
  return `there/${args.bucket}/${need(args.key, 'key')}`
}

function entries(stdout: string): Entry[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Entry)
}

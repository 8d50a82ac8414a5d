import { fileURLToPath } from 'node:url'
import { type Action, type ActionArgs, type Client, type Session, type Target, keysOf, pathLimit } from '../client.ts'
import { cleanEnvironment } from '../command.ts'
import { DriverProcess } from './driver-process.ts'

interface Library {
  readonly name: string
  readonly command: readonly string[]
  readonly limit: (action: Action, args: ActionArgs) => string | undefined
  readonly listedAs?: (key: string) => string
}

/** Clients that are libraries: a driver process each. `python` are interpreters with the libraries in them. */
export function libraryClients(python: { readonly clients: string; readonly s3fs: string }): Client[] {
  return [
    fromLibrary({ name: 'boto3', command: [python.clients, beside('../python/boto3_driver.py')], limit: () => undefined }),
    fromLibrary({ name: 'sdk-js', command: [process.execPath, beside('../sdk-driver.ts')], limit: () => undefined }),
    fromLibrary({ name: 's3fs', command: [python.s3fs, beside('../python/s3fs_driver.py')], limit: s3fsLimit }),
    fromLibrary({
      name: 'pyarrow',
      command: [python.clients, beside('../python/pyarrow_driver.py')],
      limit: pyarrowLimit,
      listedAs: (key) => key.replace(/\/$/, ''),
    }),
  ]
}

function fromLibrary(library: Library): Client {
  const open = (target: Target): DriverProcess => {
    const [program = '', ...args] = library.command
    return new DriverProcess(library.name, [program, ...args, target.endpoint], awsEnvironment(target))
  }
  return {
    name: library.name,
    limit: library.limit,
    listedAs: library.listedAs ?? ((key) => key),
    open: async (target): Promise<Session> => open(target),
    async version() {
      const credentials = { accessKeyId: 'none', secretAccessKey: 'none', region: 'us-east-1' }
      const driver = open({ endpoint: 'http://127.0.0.1:9', credentials, home: '/nonexistent' })
      try {
        return await driver.version()
      } finally {
        await driver.close()
      }
    },
  }
}

/** How every client of the AWS family learns its key; nothing of the machine's own configuration gets in. */
export function awsEnvironment(target: Target, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return cleanEnvironment(target.home, {
    AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
    AWS_REGION: target.credentials.region,
    AWS_DEFAULT_REGION: target.credentials.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    ...extra,
  })
}

const S3FS_FOLDER_ACTIONS: readonly Action[] = ['head', 'copy', 'removeMany']

function s3fsLimit(action: Action, args: ActionArgs): string | undefined {
  if (action === 'presignPut') return 'signs GET URLs only'
  if (S3FS_FOLDER_ACTIONS.includes(action) && keysOf(args).some((key) => key.endsWith('/')))
    return 'takes a key that ends in a slash for a folder'
  return action === 'conditional' ? 'has no conditional read' : undefined
}

function pyarrowLimit(action: Action, args: ActionArgs): string | undefined {
  if (action === 'presignGet' || action === 'presignPut') return 'does not presign'
  if (action === 'conditional') return 'has no conditional read'
  return action === 'removeMany' ? 'deletes one key at a time' : pathLimit(args)
}

function beside(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

import { fileURLToPath } from 'node:url'
import { type Action, type ActionArgs, type Client, type Session, type Target, keysOf, pathLimit } from '../client.ts'
import { cleanEnvironment } from '../command.ts'
import { DriverProcess } from './driver-process.ts'

interface Library {
  readonly name: string
  readonly command: readonly string[]
  /** Words behind the endpoint. */
  readonly more?: readonly string[]
  readonly limit: (action: Action, args: ActionArgs) => string | undefined
  readonly listedAs?: (key: string) => string | undefined
}

/** Clients that are libraries: a driver process each. `python` are interpreters with the libraries in them. */
export function libraryClients(python: { readonly clients: string; readonly s3fs: string; readonly suites: string }): Client[] {
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
    fromLibrary({
      name: 'smart_open',
      command: [python.suites, beside('../python/smart_open_driver.py')],
      limit: onlyThese('get', 'range', 'put', 'multipart'),
    }),
    fromLibrary({ name: 'tensorstore', command: [python.suites, beside('../python/tensorstore_driver.py')], limit: tensorstoreLimit }),
    fromLibrary({
      name: 'object_store',
      command: [python.suites, beside('../python/obstore_driver.py')],
      limit: objectStoreLimit,
      listedAs: objectStoreKey,
    }),
  ]
}

/** aws4fetch is a module that is not among this project's packages: `module` is its file, `version` what it says of itself. */
export function aws4fetch(module: string, version: string): Client {
  const limit = onlyThese('get', 'head', 'range', 'conditional', 'put', 'copy', 'remove', 'presignGet', 'presignPut')
  const dots = (action: Action, args: ActionArgs): string | undefined =>
    limit(action, args) ?? (keysOf(args).some((key) => /(^|\/)\.{1,2}(\/|$)/.test(key)) ? 'resolves dot segments' : undefined)
  return fromLibrary({
    name: 'aws4fetch',
    command: [process.execPath, beside('../aws4fetch-driver.ts')],
    more: [module, version],
    limit: dots,
  })
}

function onlyThese(...able: readonly Action[]): Library['limit'] {
  return (action) => (able.includes(action) ? undefined : 'has no such function')
}

const tensorstoreActions = onlyThese('get', 'range', 'put', 'remove')

function tensorstoreLimit(action: Action, args: ActionArgs): string | undefined {
  const empty = keysOf(args).some((key) => key === '')
  return tensorstoreActions(action, args) ?? (empty ? 'has no empty keys' : undefined)
}

function objectStoreLimit(action: Action, args: ActionArgs): string | undefined {
  if (action === 'presignGet' || action === 'presignPut' || action === 'conditional') return 'is not asked for it here'
  return pathLimit(args) ?? (keysOf(args).some((key) => OBJECT_STORE_ENCODES.test(key)) ? 'encodes such characters in keys' : undefined)
}

/** What object_store's Path percent-encodes, so that keys with it are other keys. */
const OBJECT_STORE_ENCODES = /[\\{}^%`[\]"<>~#|*?\r\n]/

function objectStoreKey(key: string): string | undefined {
  return pathLimit({ bucket: '', key }) === undefined && !OBJECT_STORE_ENCODES.test(key) ? key : undefined
}

function fromLibrary(library: Library): Client {
  const open = (target: Target): DriverProcess => {
    const [program = '', ...args] = library.command
    return new DriverProcess(library.name, [program, ...args, target.endpoint, ...(library.more ?? [])], awsEnvironment(target))
  }
  return {
    name: library.name,
    limit: library.limit,
    listedAs: library.listedAs ?? ((key) => key),
    open: async (target): Promise<Session> => open(target),
    async version() {
      const credentials = { accessKeyId: 'none', secretAccessKey: 'none', region: 'us-east-1' }
      const driver = open({ endpoint: 'http://127.0.0.1:9', credentials, style: 'path', caFile: undefined, home: '/nonexistent' })
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
    HOTBUCKET_TEST_STYLE: target.style === 'path' ? 'path' : 'virtual',
    ...trust(target.caFile),
    ...extra,
  })
}

/** How the TLS libraries of all these clients learn of one more authority. */
function trust(caFile: string | undefined): Record<string, string> {
  if (caFile === undefined) return {}
  return {
    AWS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
    TENSORSTORE_CA_BUNDLE: caFile,
    HOTBUCKET_TEST_CA_FILE: caFile,
  }
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

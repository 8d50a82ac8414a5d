import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Style } from './client.ts'
import { run } from './command.ts'

/** How the clients of one run reach a server. */
export interface Variant {
  readonly style: Style
  /** The scheme between client and hotbucket; origins are always reached as they are. */
  readonly scheme: 'http' | 'https'
  /** A tenth of the checks, for the variants beside the first. */
  readonly brief: boolean
  /** Part of the names of the buckets, known before the run begins: each is a host name in the virtual-host style. */
  readonly runId: string
}

/** The certificate that hotbucket shows, and the authority that signed it: files. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

/** Below it, every bucket is a host name. */
export const DOMAIN = 's3.localhost'

export function bucketOf(client: string, mode: string, runId: string): string {
  return `hotbucket-test-${client.replaceAll('_', '-')}-${mode}-${runId}`
}

/** An authority and a certificate of its for 127.0.0.1 and all buckets, made with the openssl program. */
export async function makeTlsFiles(directory: string): Promise<TlsFiles> {
  const home = join(directory, 'tls')
  await mkdir(home, { recursive: true })
  const at = (name: string): string => join(home, name)
  const extensions = `subjectAltName=DNS:localhost,DNS:${DOMAIN},DNS:*.${DOMAIN},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n`
  await writeFile(at('leaf.ext'), extensions)
  const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const authority = ['req', '-x509', ...elliptic, '-subj', '/CN=hotbucket tests', '-keyout', at('ca.key'), '-out', at('ca.pem')]
  await run('openssl', authority)
  await run('openssl', ['req', ...elliptic.slice(0, 5), '-subj', `/CN=${DOMAIN}`, '-keyout', at('leaf.key'), '-out', at('leaf.csr')])
  const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('leaf.ext')]
  await run('openssl', ['x509', '-req', '-in', at('leaf.csr'), ...signing, '-out', at('leaf.pem')])
  return { certificate: at('leaf.pem'), key: at('leaf.key'), ca: at('ca.pem') }
}

/** The command line that runs `command` where the buckets' host names lead to this machine, and nowhere else changes anything. */
export async function withHostNames(directory: string, names: readonly string[], command: readonly string[]): Promise<string[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('Cannot use virtual-host names: a mount namespace with a hosts file of its own needs root on Linux')
  }
  const file = join(directory, 'hosts')
  const lines = ['localhost', DOMAIN, ...names.map((name) => `${name}.${DOMAIN}`)].map((name) => `127.0.0.1 ${name}\n`)
  await writeFile(file, lines.join(''))
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', file, ...command]
}

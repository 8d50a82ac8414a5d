import { readFile, stat } from 'node:fs/promises'

/** Paths of PEM files: the certificate with its chain, and its private key. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
}

/** A certificate and its key, proved to belong together. */
export interface TlsIdentity {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Reads both files. Rejects where one cannot be read, is no PEM, or does not fit the other. */
export async function readTlsIdentity(files: TlsFiles): Promise<TlsIdentity> {
  try {
    const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)])
    // Loaded where it is wanted only: a server without TLS starts the sooner.
    const { createSecureContext } = await import('node:tls')
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`Cannot use TLS certificate "${files.certificate}" with key "${files.key}": ${why}`, { cause: error })
  }
}

/**
 * A word that changes when one of the files does. Follows symbolic links, so that it sees how Kubernetes replaces a mounted secret,
 * which watching the file itself would miss.
 */
export async function tlsFilesStamp(files: TlsFiles): Promise<string> {
  const stats = await Promise.all([stat(files.certificate), stat(files.key)])
  return stats.map((one) => `${one.dev}:${one.ino}:${one.size}:${one.mtimeMs}`).join(' ')
}

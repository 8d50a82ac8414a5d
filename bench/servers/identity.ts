import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'

import type { BenchServer } from './server.ts'

/** A certificate and its key as PEM files. */
export interface Identity {
  readonly certificate: string
  readonly key: string
  /** Both in one file, as some servers want it. */
  readonly bundle: string
}

/** What client and server agreed on. */
export interface Negotiated {
  readonly protocol: string
  readonly cipher: string
}

/** Makes a self-signed ECDSA P-256 certificate for 127.0.0.1 with openssl. */
export function makeIdentity(directory: string): Identity {
  const own = (name: string): string => join(directory, name)
  const identity = { certificate: own('certificate.pem'), key: own('key.pem'), bundle: own('bundle.pem') }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', identity.key]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', ...subject, '-out', identity.certificate], { stdio: 'pipe' })
  writeFileSync(identity.bundle, readFileSync(identity.certificate, 'utf8') + readFileSync(identity.key, 'utf8'))
  return identity
}

/** What the server agrees on with the system's openssl, which is what the load generator is linked with. */
export function negotiatedByOpenssl(server: BenchServer): Negotiated {
  const command = ['s_client', '-connect', `${server.host}:${server.port}`, '-brief']
  // -brief prints to stderr; s_client ends with its input.
  const text = execFileSync('sh', ['-c', `openssl ${command.join(' ')} 2>&1 </dev/null`], { encoding: 'utf8' })
  return parseBrief(text)
}

/** Reads what `openssl s_client -brief` prints. */
export function parseBrief(text: string): Negotiated {
  const protocol = /^Protocol version: (.+)$/m.exec(text)?.[1]
  const cipher = /^Ciphersuite: (.+)$/m.exec(text)?.[1]
  if (protocol === undefined || cipher === undefined) {
    throw new Error(`Cannot tell what was negotiated from "${text.slice(0, 200)}": no protocol version or cipher suite in it`)
  }
  return { protocol, cipher }
}

/** The same with Node's own client. */
export function negotiatedByNode(server: BenchServer): Promise<Negotiated> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.host, port: server.port, rejectUnauthorized: false }, () => {
      const cipher = socket.getCipher()
      resolve({ protocol: socket.getProtocol() ?? 'none', cipher: cipher.standardName })
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

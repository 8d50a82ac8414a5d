import { isIP } from 'node:net'
import { percentEncode } from '../../s3/percent.ts'

/** Where an S3 service is and how buckets are named there. */
export interface S3Endpoint {
  /** Scheme, host, port and optional path prefix. */
  readonly url: string
  readonly style: 'path' | 'virtual-host'
}

/** Where one request goes. */
export interface S3Target {
  /** `https://host:port`: what to connect to. */
  readonly base: string
  /** The name that the server's certificate must hold; undefined for an address. */
  readonly servername: string | undefined
  /** The Host field: no port where it is the scheme's own. */
  readonly host: string
  /** Raw path: prefix, bucket and key as they go on the wire and into the signature. */
  readonly rawPath: string
}

/** Builds request targets. Keys stay byte for byte as the client sent them. */
export class S3Targets {
  readonly #protocol: string
  readonly #host: string
  readonly #prefix: string
  readonly #style: S3Endpoint['style']

  constructor(endpoint: S3Endpoint) {
    const url = new URL(endpoint.url)
    this.#protocol = url.protocol
    this.#host = url.host
    this.#prefix = url.pathname.replace(/\/+$/, '')
    this.#style = endpoint.style
  }

  of(bucket: string | undefined, rawKey: string | undefined): S3Target {
    const inHost = bucket !== undefined && this.#style === 'virtual-host'
    const host = inHost ? `${bucket}.${this.#host}` : this.#host
    const bucketPath = bucket === undefined || inHost ? '' : `/${percentEncode(bucket)}`
    const keyPath = rawKey === undefined ? '' : `/${rawKey}`
    const rawPath = `${this.#prefix}${bucketPath}${keyPath}`
    const hostname = host.replace(/:\d+$/, '')
    const servername = isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? hostname : undefined
    return { base: `${this.#protocol}//${host}`, servername, host, rawPath: rawPath === '' ? '/' : rawPath }
  }
}

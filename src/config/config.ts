/** The configuration after parsing: every value present, typed, and within its limits. Sizes in bytes, times in milliseconds. */
export interface Config {
  readonly listen: HostPort
  readonly admin: HostPort
  /** What the admin listener wants as `Authorization: Bearer`; undefined only on a loopback address. */
  readonly adminToken: string | undefined
  readonly memoryBytes: number
  /** Undefined: none. */
  readonly disk: DiskConfig | undefined
  readonly workers: number
  readonly mode: Consistency
  readonly anonymous: boolean
  readonly identity: Identity
  /** Base domains for virtual-host style addressing: `bucket.<domain>`. */
  readonly domains: readonly string[]
  readonly region: string
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  readonly origins: readonly OriginConfig[]
  readonly clients: readonly ClientConfig[]
  /** First match wins; no match: `mode`. */
  readonly rules: readonly RuleConfig[]
  readonly limits: LimitsConfig
  readonly prices: PricesConfig
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'; readonly requests: boolean }
}

/**
 * Who checks clients' signatures: hotbucket (`verified`), the origin (`pass-through`; hotbucket holds no key), or each those of the keys
 * that it knows (`mixed`): what hotbucket cannot check, unsigned requests among them, is the origin's to decide.
 */
export type Identity = 'verified' | 'pass-through' | 'mixed'

/** The disk cache. What is undefined follows from the file system, when it is opened. */
export interface DiskConfig {
  readonly directory: string
  readonly maxBytes: number | undefined
  readonly reserveBytes: number | undefined
  readonly dailyWriteBytes: number | undefined
  readonly indexBytes: number
  /** 32 bytes, as hexadecimal digits or Base64; undefined: not encrypted. */
  readonly key: string | undefined
}

/** What a process has to work with. */
export interface Machine {
  /** The machine's memory, or the limit of this process's cgroup. */
  readonly memoryBytes: number
  /** Whole cores that this process can keep busy. */
  readonly cores: number
  /** Several listeners may share a port, and connections are spread over them. */
  readonly sharesPorts: boolean
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** How stale a hit may be; a contract per bucket or prefix. */
export type Consistency =
  | { readonly kind: 'immutable' }
  | { readonly kind: 'ttl'; readonly ttlMs: number; readonly staleWhileRevalidateMs: number; readonly staleIfErrorMs: number }
  | { readonly kind: 'strict' }

export interface RuleConfig {
  /** Bucket name, or a pattern with `*`. */
  readonly bucket: string
  readonly prefix: string
  readonly mode: Consistency
}

export type OriginConfig = {
  readonly name: string
  /** Bucket names or patterns with `*` that this origin serves; the first origin that matches is asked. */
  readonly buckets: readonly string[]
} & (
  | {
      readonly kind: 'directory'
      readonly path: string
      /** A simulated wide-area link in front of the directory; absent: none. */
      readonly link?: LinkConfig
    }
  | {
      readonly kind: 's3'
      /** Scheme, host, port and optional path prefix. */
      readonly url: string
      readonly region: string
      readonly style: 'path' | 'virtual-host'
      /** Absent: `auto`. */
      readonly dialect?: DialectName
      readonly credentials: CredentialsConfig
      readonly connectTimeoutMs: number
      readonly headTimeoutMs: number
      readonly bodyTimeoutMs: number
      readonly connections: number
      /** PEM file with certificate authorities to trust besides the system's. */
      readonly ca: string | undefined
    }
)

/** Which service an S3 origin is; `auto`: by its host name, otherwise learned from its answers. */
export type DialectName = 'auto' | 'aws' | 'ceph' | 'ceph-legacy' | 'gcs' | 'minio' | 'r2'

/** What a simulated wide-area link does to every request to an origin. */
export interface LinkConfig {
  /** Added before the response head, milliseconds. */
  readonly latencyMs: number
  /** Bytes a second of each response body. */
  readonly bytesPerSecond: number
}

export type CredentialsConfig =
  /** The AWS default chain: environment, shared files, SSO, web identity, container and instance metadata. */
  | { readonly kind: 'default-chain' }
  | { readonly kind: 'static'; readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | undefined }
  /** Requests go up unsigned. */
  | { readonly kind: 'unsigned' }

/** As in S3, a version that is named by its id is another permission than what is current. */
export type GrantAction = 'read' | 'read-version' | 'write' | 'delete' | 'delete-version' | 'list' | 'admin'

export interface GrantConfig {
  /** Bucket name, or a pattern with `*`. */
  readonly bucket: string
  readonly prefix: string
  readonly actions: readonly GrantAction[]
}

export interface ClientConfig {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly grants: readonly GrantConfig[]
  /** The origin knows this key, too. Absent: it does not. */
  readonly sameKey?: boolean
}

export interface LimitsConfig {
  readonly headBytes: number
  readonly connections: number
  readonly headTimeoutMs: number
  readonly idleTimeoutMs: number
  /** A body (either way) that moves slower than this over `bodyRateWindowMs` is cut. */
  readonly bodyRateBytesPerSecond: number
  readonly bodyRateWindowMs: number
  readonly drainTimeoutMs: number
  readonly clockSkewMs: number
  /** Request and response bytes that are held outside the cache, all workers together. */
  readonly bufferBytes: number
}

/** US dollars, for the savings figures. */
export interface PricesConfig {
  readonly egressPerGiB: number
  readonly getPerThousand: number
}

/** Every secret in a configuration: what may never stand in a log. */
export function secretsOf(config: Config): string[] {
  const secrets: (string | undefined)[] = [config.adminToken, config.disk?.key]
  for (const client of config.clients) secrets.push(client.secretAccessKey, client.sessionToken)
  for (const origin of config.origins) {
    if (origin.kind === 's3' && origin.credentials.kind === 'static')
      secrets.push(origin.credentials.secretAccessKey, origin.credentials.sessionToken)
  }
  return secrets.filter((secret) => secret !== undefined)
}

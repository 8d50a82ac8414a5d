import { stringify } from 'yaml'
import { formatDuration } from '../base/duration.ts'
import type { ClientConfig, Config, DiskConfig, OriginConfig } from './config.ts'
import { formatExactSize, formatHostPort, formatMode } from './option-text.ts'

/** What stands in a dump where a secret is. */
export const SECRET_SHOWN = '(secret)'

/** A configuration as the YAML file that would give it, secrets replaced. */
export function describeConfig(config: Config): string {
  return stringify(toFileForm(config), { lineWidth: 0 })
}

function toFileForm(config: Config): Readonly<Record<string, unknown>> {
  return withoutAbsent({
    listen: formatHostPort(config.listen),
    admin: formatHostPort(config.admin),
    adminToken: redact(config.adminToken),
    memory: formatExactSize(config.memoryBytes),
    disk: config.disk === undefined ? undefined : describeDisk(config.disk),
    workers: config.workers,
    mode: formatMode(config.mode),
    anonymous: config.anonymous,
    identity: config.identity,
    domains: config.domains.length === 0 ? undefined : config.domains,
    region: config.region,
    tls: config.tls,
    origins: config.origins.map(describeOrigin),
    clients: config.clients.length === 0 ? undefined : config.clients.map(describeClient),
    rules: config.rules.length === 0 ? undefined : config.rules.map((rule) => ({ ...rule, mode: formatMode(rule.mode) })),
    limits: {
      head: formatExactSize(config.limits.headBytes),
      connections: config.limits.connections,
      headTimeout: formatDuration(config.limits.headTimeoutMs),
      idleTimeout: formatDuration(config.limits.idleTimeoutMs),
      bodyRate: formatExactSize(config.limits.bodyRateBytesPerSecond),
      bodyRateWindow: formatDuration(config.limits.bodyRateWindowMs),
      drainTimeout: formatDuration(config.limits.drainTimeoutMs),
      buffers: formatExactSize(config.limits.bufferBytes),
      clockSkew: formatDuration(config.limits.clockSkewMs),
    },
    prices: config.prices,
    log: config.log,
  })
}

function describeDisk(disk: DiskConfig): Readonly<Record<string, unknown>> {
  const sizeOf = (bytes: number | undefined): string | undefined => (bytes === undefined ? undefined : formatExactSize(bytes))
  return withoutAbsent({
    directory: disk.directory,
    max: sizeOf(disk.maxBytes),
    reserve: sizeOf(disk.reserveBytes),
    dailyWrites: sizeOf(disk.dailyWriteBytes),
    index: sizeOf(disk.indexBytes),
    key: redact(disk.key),
  })
}

function describeOrigin(origin: OriginConfig): Readonly<Record<string, unknown>> {
  const { name, buckets } = origin
  if (origin.kind === 'directory') {
    return withoutAbsent({
      name,
      buckets,
      directory: origin.path,
      linkLatency: origin.link === undefined ? undefined : formatDuration(origin.link.latencyMs),
      linkBandwidth: origin.link === undefined ? undefined : formatExactSize(origin.link.bytesPerSecond),
    })
  }
  const { credentials } = origin
  const keys =
    credentials.kind === 'static'
      ? {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: SECRET_SHOWN,
          sessionToken: redact(credentials.sessionToken),
        }
      : { credentials: credentials.kind }
  return withoutAbsent({
    name,
    buckets,
    url: origin.url,
    region: origin.region,
    style: origin.style,
    dialect: origin.dialect ?? 'auto',
    ...keys,
    connectTimeout: formatDuration(origin.connectTimeoutMs),
    headTimeout: formatDuration(origin.headTimeoutMs),
    bodyTimeout: formatDuration(origin.bodyTimeoutMs),
    connections: origin.connections,
    ca: origin.ca,
  })
}

function describeClient(client: ClientConfig): Readonly<Record<string, unknown>> {
  return withoutAbsent({
    accessKeyId: client.accessKeyId,
    secretAccessKey: SECRET_SHOWN,
    sessionToken: redact(client.sessionToken),
    grants: client.grants,
  })
}

function redact(secret: string | undefined): string | undefined {
  return secret === undefined ? undefined : SECRET_SHOWN
}

function withoutAbsent(section: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined))
}

import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { formatByteSize } from '../base/byte-size.ts'
import type { Config, HostPort, LimitsConfig, Machine } from './config.ts'
import { formatHostPort, isLoopback } from './option-text.ts'
import { resolveDisk } from './resolve-disk.ts'
import { resolveClients } from './resolve-clients.ts'
import { defaultRegion, reportUnreadable, resolveOrigins, type ResolveScope } from './resolve-origins.ts'
import type { RawConfig } from './schema.ts'
import { resolveWorkers } from './workers.ts'

/** Above this share of the machine's memory, the rest of the process may not fit beside the cache. */
const MEMORY_SHARE_WARNED = 0.8

const BUFFER_BYTES_MIN = 64 * 1024 * 1024
const BUFFER_BYTES_MAX = 1024 * 1024 * 1024

/** What is known of the surroundings and of the options that did not parse. */
export interface ResolveOptions extends ResolveScope {
  readonly machine: Machine
  /** Top-level options that did not parse: whatever depends on them is not checked again. */
  readonly broken: ReadonlySet<string>
}

/** Checks what single options cannot know and fills in what follows from several. */
export function resolveConfig(raw: RawConfig, options: ResolveOptions): Config {
  const intact = (...keys: string[]) => keys.every((key) => !options.broken.has(key))
  const origins = intact('origins', 'origin', 'originRegion', 'originStyle', 'anonymous', 'identity')
    ? resolveOrigins(raw, options)
    : undefined
  const clients = origins !== undefined && intact('clients') ? resolveClients(raw, origins, options) : []
  if (intact('listen', 'admin', 'adminToken')) checkListeners(raw, options)
  checkMemory(raw.memory, options)
  if (intact('listen', 'anonymous')) checkAnonymous(raw, options)
  return {
    listen: raw.listen,
    admin: raw.admin,
    adminToken: raw.adminToken,
    memoryBytes: raw.memory,
    disk: intact('disk') ? resolveDisk(raw, options) : undefined,
    workers: intact('workers', 'identity', 'memory') ? resolveWorkers(raw, options) : 1,
    mode: raw.mode,
    anonymous: raw.anonymous,
    identity: raw.identity,
    domains: [...new Set(raw.domains)],
    region: defaultRegion(raw, options.env),
    tls: intact('tls') ? resolveTls(raw.tls, options) : undefined,
    origins: origins ?? [],
    clients,
    rules: raw.rules,
    limits: resolveLimits(raw, options),
    prices: raw.prices,
    log: raw.log,
  }
}

function resolveLimits({ limits, memory }: RawConfig, options: ResolveOptions): LimitsConfig {
  return {
    bufferBytes: limits.buffers ?? defaultBufferBytes(options.machine.memoryBytes - memory),
    headBytes: limits.head,
    connections: limits.connections,
    headTimeoutMs: limits.headTimeout,
    idleTimeoutMs: limits.idleTimeout,
    bodyRateBytesPerSecond: limits.bodyRate,
    bodyRateWindowMs: limits.bodyRateWindow,
    drainTimeoutMs: limits.drainTimeout,
    clockSkewMs: limits.clockSkew,
  }
}

/** A share of the memory that the cache leaves: the JavaScript heap and the kernel's socket buffers need some, too. */
function defaultBufferBytes(leftBytes: number): number {
  return Math.min(BUFFER_BYTES_MAX, Math.max(BUFFER_BYTES_MIN, Math.floor(leftBytes / 4)))
}

function checkListeners(raw: RawConfig, options: ResolveOptions): void {
  const { listen, admin } = raw
  if (listen.port !== 0 && listen.port === admin.port && hostsOverlap(listen, admin)) {
    options.report(['admin'], formatHostPort(admin), `an address of its own: \`listen\` has ${formatHostPort(listen)}`)
  }
  if (!isLoopback(admin.host) && raw.adminToken === undefined) {
    options.report(
      ['admin'],
      formatHostPort(admin),
      'a loopback address such as 127.0.0.1:9001, or `adminToken` (HOTBUCKET_ADMIN_TOKEN) with it',
    )
  }
}

function hostsOverlap(left: HostPort, right: HostPort): boolean {
  const everyAddress = ['0.0.0.0', '::']
  return left.host === right.host || everyAddress.includes(left.host) || everyAddress.includes(right.host)
}

function checkMemory(memoryBytes: number, options: ResolveOptions): void {
  const availableBytes = options.machine.memoryBytes
  if (memoryBytes <= availableBytes * MEMORY_SHARE_WARNED) return
  const available = formatByteSize(availableBytes)
  options.note(`memory is ${formatByteSize(memoryBytes)}, and this process may use ${available} in all: leave a fifth for everything else`)
}

function checkAnonymous(raw: RawConfig, options: ResolveOptions): void {
  if (!raw.anonymous || isLoopback(raw.listen.host)) return
  options.note(`anonymous is on and the listener ${formatHostPort(raw.listen)} is not loopback: whoever reaches it may read and write`)
}

function resolveTls(tls: RawConfig['tls'], options: ResolveOptions): Config['tls'] {
  const { certificate, key } = tls
  if (certificate === undefined && key === undefined) return undefined
  if (certificate === undefined || key === undefined) {
    options.report(['tls', certificate === undefined ? 'certificate' : 'key'], undefined, '`tls.certificate` and `tls.key` both')
    return undefined
  }
  const unreadable = [reportUnreadable(['tls', 'certificate'], certificate, options), reportUnreadable(['tls', 'key'], key, options)]
  if (unreadable.includes(true)) return undefined
  try {
    createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    options.report(['tls', 'certificate'], certificate, `PEM files of a certificate and its key that belong together: ${message}`)
  }
  return { certificate, key }
}

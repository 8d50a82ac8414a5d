import { isIP } from 'node:net'
import { formatDuration, parseDuration } from '../base/duration.ts'
import type { Consistency, HostPort } from './config.ts'

/**
 * The text forms of option values that are more than a number. Every `parse…` gives undefined for what is not one; every
 * `format…` gives text that reads back as the same value.
 */

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/
const PORT_MAX = 65_535
/** A year: longer than this nobody means a duration, but "immutable". */
const TTL_MAX_MS = 365 * 86_400_000

/** "127.0.0.1:9000", "[::1]:9000", "name:9000"; ":9000" is every IPv4 address. Port 0 lets the system choose. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  if (port > PORT_MAX) return undefined
  if (match[1] !== undefined) return isIP(match[1]) === 6 ? { host: match[1], port } : undefined
  const host = match[2] === '' || match[2] === '*' ? '0.0.0.0' : (match[2] ?? '')
  return isIP(host) === 4 || isHostName(host) ? { host, port } : undefined
}

export function formatHostPort(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** A DNS name; not an address, and not what was meant to be one (its last label is not a number). */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/(^|\.)\d+$/.test(text)
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** "immutable", "strict", "ttl=60s", "ttl=60s,swr=30s,sie=1h" (stale-while-revalidate, stale-if-error: both 0 where absent). */
export function parseMode(text: string): Consistency | undefined {
  if (text === 'immutable' || text === 'strict') return { kind: text }
  const partsMs = parseModeParts(text)
  const ttlMs = partsMs?.get('ttl')
  if (partsMs === undefined || ttlMs === undefined || ttlMs === 0) return undefined
  return { kind: 'ttl', ttlMs, staleWhileRevalidateMs: partsMs.get('swr') ?? 0, staleIfErrorMs: partsMs.get('sie') ?? 0 }
}

function parseModeParts(text: string): ReadonlyMap<string, number> | undefined {
  const partsMs = new Map<string, number>()
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^\s*(ttl|swr|sie)=(.+)$/.exec(part) ?? []
    const durationMs = parseDuration(value)
    if (durationMs === undefined || durationMs > TTL_MAX_MS || partsMs.has(name)) return undefined
    partsMs.set(name, durationMs)
  }
  return partsMs
}

export function formatMode(mode: Consistency): string {
  if (mode.kind !== 'ttl') return mode.kind
  const swr = mode.staleWhileRevalidateMs === 0 ? '' : `,swr=${formatDuration(mode.staleWhileRevalidateMs)}`
  const sie = mode.staleIfErrorMs === 0 ? '' : `,sie=${formatDuration(mode.staleIfErrorMs)}`
  return `ttl=${formatDuration(mode.ttlMs)}${swr}${sie}`
}

const EXACT_SIZE_UNITS = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const

/** The shortest exact form of a size: "256MiB", "1000B". What `parseByteSize` reads back as the same number. */
export function formatExactSize(bytes: number): string {
  for (const [unit, unitBytes] of EXACT_SIZE_UNITS) if (bytes !== 0 && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`
  return `${bytes}B`
}

/** A bucket name, or a pattern in which `*` stands for any run of characters. Old buckets may hold capitals and underscores. */
export function isBucketPattern(text: string): boolean {
  return /^[A-Za-z0-9._*-]{1,255}$/.test(text) && !text.includes('**')
}

/** True where some bucket name matches both patterns. */
export function bucketPatternsMeet(left: string, right: string): boolean {
  // reachable[j]: the first i characters of `left` and the first j of `right` can describe the same text.
  let reachable = Array.from({ length: right.length + 1 }, (_, j) => /^\**$/.test(right.slice(0, j)))
  for (let i = 1; i <= left.length; i++) {
    const leftChar = left[i - 1]
    const next = [(reachable[0] ?? false) && leftChar === '*']
    for (let j = 1; j <= right.length; j++) {
      const rightChar = right[j - 1]
      const star = leftChar === '*' || rightChar === '*'
      const extend = star && ((reachable[j] ?? false) || (next[j - 1] ?? false))
      next.push(extend || (leftChar === rightChar && (reachable[j - 1] ?? false)))
    }
    reachable = next
  }
  return reachable[right.length] ?? false
}

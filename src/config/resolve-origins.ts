import { accessSync, constants, statSync } from 'node:fs'
import { isIP } from 'node:net'
import type { CredentialsConfig, LinkConfig, OriginConfig } from './config.ts'
import { originSchema, type RawConfig, type RawOrigin } from './schema.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Tells of one thing that is wrong: where, the value as given, and what was wanted. */
type Report = (place: readonly PropertyKey[], value: string | undefined, wanted: string) => void

/** What resolving has to know besides the options, and where it tells what it found. */
export interface ResolveScope {
  readonly env: Environment
  readonly report: Report
  /** Decisions that a person should be told of. */
  readonly note: (text: string) => void
}

const DEFAULT_ORIGIN_NAME = 'default'
const DEFAULT_REGION = 'us-east-1'
/** Bytes per second of a simulated link of which only the latency was given: more than any machine moves. */
const LINK_BANDWIDTH_UNLIMITED = 1024 ** 4

/** Any of these says that the AWS default chain has something to find. */
const CHAIN_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
] as const

/** The region for origins that name none. */
export function defaultRegion(raw: RawConfig, env: Environment): string {
  return raw.region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || DEFAULT_REGION)
}

/** Every origin in the order in which it is asked; the shorthand `origin` comes last. */
export function resolveOrigins(raw: RawConfig, scope: ResolveScope): OriginConfig[] {
  const items = raw.origins.map((item, index) => ({ item, place: ['origins', index] as readonly PropertyKey[] }))
  const shorthand = shorthandItem(raw, scope)
  if (shorthand !== undefined) items.push({ item: shorthand, place: [] })
  if (items.length === 0) scope.report(['origins'], undefined, 'at least one origin: pass --origin URL or --origin DIRECTORY')
  reportNames(items, scope)
  const origins = items.flatMap(({ item, place }) => resolveOrigin(item, { place, raw, scope }) ?? [])
  if (origins.length === items.length) noteShadowed(origins, scope)
  return origins
}

/** `--origin` as an item of the list. Its place in messages is the top level. */
function shorthandItem(raw: RawConfig, scope: ResolveScope): RawOrigin | undefined {
  if (raw.origin === undefined) {
    if (raw.originRegion !== undefined) scope.report(['originRegion'], raw.originRegion, '`origin` with it')
    if (raw.originStyle !== undefined) scope.report(['originStyle'], raw.originStyle, '`origin` with it')
    return undefined
  }
  const where = raw.origin.includes('://') ? { url: raw.origin } : { directory: raw.origin }
  return originSchema.parse({ ...where, name: DEFAULT_ORIGIN_NAME, region: raw.originRegion, style: raw.originStyle })
}

interface Item {
  readonly item: RawOrigin
  readonly place: readonly PropertyKey[]
}

function reportNames(items: readonly Item[], scope: ResolveScope): void {
  const seen = new Set<string>()
  for (const { item, place } of items) {
    if (!seen.has(item.name)) seen.add(item.name)
    else if (place.length === 0) scope.report(['origin'], undefined, `no other origin named "${DEFAULT_ORIGIN_NAME}" beside it`)
    else scope.report([...place, 'name'], item.name, 'a name that no other origin has')
  }
}

interface OriginScope {
  readonly place: readonly PropertyKey[]
  readonly raw: RawConfig
  readonly scope: ResolveScope
}

function resolveOrigin(item: RawOrigin, context: OriginScope): OriginConfig | undefined {
  const { place, scope } = context
  const at = (key: string) => (place.length === 0 ? ['origin'] : [...place, key])
  if (item.url !== undefined && item.directory !== undefined)
    scope.report(at('directory'), item.directory, 'only one of `url` and `directory`')
  const base = { name: item.name, buckets: item.buckets }
  if (item.directory !== undefined) {
    const wrong = notADirectory(item.directory)
    if (wrong !== undefined) scope.report(at('directory'), item.directory, wrong)
    return { ...base, kind: 'directory', path: item.directory, ...linkOf(item) }
  }
  if (linkOf(item).link !== undefined) scope.report(place, undefined, '`directory` with `linkLatency` and `linkBandwidth`')
  if (item.url === undefined) {
    scope.report(place, undefined, '`url` or `directory`')
    return undefined
  }
  const { hostname } = new URL(item.url)
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
  if (item.style === 'virtual-host' && isAddress) scope.report(at('style'), 'virtual-host', 'a URL with a host name for it, not an address')
  if (item.ca !== undefined) reportUnreadable(at('ca'), item.ca, scope)
  return {
    ...base,
    kind: 's3',
    url: item.url,
    region: item.region ?? regionInHost(hostname) ?? defaultRegion(context.raw, scope.env),
    style: item.style,
    dialect: item.dialect,
    credentials: resolveCredentials(item, context),
    connectTimeoutMs: item.connectTimeout,
    headTimeoutMs: item.headTimeout,
    bodyTimeoutMs: item.bodyTimeout,
    connections: item.connections,
    ca: item.ca,
  }
}

function linkOf(item: RawOrigin): { link?: LinkConfig } {
  const { linkLatency, linkBandwidth } = item
  if (linkLatency === undefined && linkBandwidth === undefined) return {}
  return { link: { latencyMs: linkLatency ?? 0, bytesPerSecond: linkBandwidth ?? LINK_BANDWIDTH_UNLIMITED } }
}

function resolveCredentials(item: RawOrigin, { place, raw, scope }: OriginScope): CredentialsConfig {
  const { accessKeyId, secretAccessKey, sessionToken, credentials } = item
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    if (credentials !== undefined) scope.report([...place, 'credentials'], credentials, 'either this or static keys, not both')
    return { kind: 'static', accessKeyId, secretAccessKey, sessionToken }
  }
  if (accessKeyId !== undefined) scope.report([...place, 'secretAccessKey'], undefined, 'the secret of `accessKeyId`')
  if (secretAccessKey !== undefined) scope.report([...place, 'accessKeyId'], undefined, 'the key id of `secretAccessKey`')
  if (sessionToken !== undefined) scope.report([...place, 'sessionToken'], undefined, '`accessKeyId` and `secretAccessKey` with it')
  if (credentials !== undefined) return { kind: credentials }
  if (raw.identity === 'pass-through') return { kind: 'unsigned' }
  if (!raw.anonymous || CHAIN_VARIABLES.some((name) => (scope.env[name] ?? '') !== '')) return { kind: 'default-chain' }
  scope.note(`Origin "${item.name}": requests go up unsigned, because clients are anonymous and no AWS_* variable gives credentials`)
  return { kind: 'unsigned' }
}

/** The region that an AWS endpoint names: `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1…`, `s3.dualstack.eu-west-1…`; R2 and GCS have but one. */
function regionInHost(hostname: string): string | undefined {
  if (/\.r2\.cloudflarestorage\.com$|(?:^|\.)storage\.googleapis\.com$/.test(hostname)) return 'auto'
  return /(?:^|\.)s3(?:-fips)?[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1]
}

/** An origin behind one that takes every bucket is never asked. */
function noteShadowed(origins: readonly OriginConfig[], scope: ResolveScope): void {
  const taker = origins.findIndex((origin) => origin.buckets.includes('*'))
  if (taker === -1) return
  for (const origin of origins.slice(taker + 1)) {
    scope.note(`Origin "${origin.name}" is never asked: origin "${origins[taker]?.name ?? ''}" comes before it and takes every bucket`)
  }
}

function notADirectory(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : 'a directory'
  } catch (error) {
    return `an existing directory: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Reports a file that cannot be read. */
export function reportUnreadable(place: readonly PropertyKey[], file: string, scope: ResolveScope): boolean {
  try {
    accessSync(file, constants.R_OK)
    return false
  } catch (error) {
    scope.report(place, file, `a readable file: ${error instanceof Error ? error.message : String(error)}`)
    return true
  }
}

import { z } from 'zod'
import {
  address,
  bucketPattern,
  decimal,
  directory,
  domain,
  duration,
  flag,
  integer,
  list,
  location,
  maybe,
  mode,
  option,
  orWord,
  path,
  required,
  size,
  text,
  url,
  word,
} from './option.ts'
import { WORKERS_MAX } from './workers.ts'

/**
 * THE table of options: key, type, limits, default, flag and what it is for. The file format, the environment variables,
 * the flags, the messages and docs/config.md all come from here.
 */

const KiB = 1024
const MiB = 1024 ** 2
const GiB = 1024 ** 3
const TiB = 1024 ** 4
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

const MEMORY_MIN_BYTES = 16 * MiB
/** What a disk cache with one part needs. */
const DISK_MIN_BYTES = 20 * MiB
const ORIGINS_MAX = 100
const CLIENTS_MAX = 10_000
const GRANTS_MAX = 1000
const RULES_MAX = 1000

const name = text({ wanted: 'a name of 1 to 64 letters, digits, "-", "_" or "."', pattern: /^[A-Za-z0-9._-]{1,64}$/ })
const regionName = text({ wanted: 'a region name such as "eu-west-1"', pattern: /^[A-Za-z0-9-]{1,64}$/ })
const prefix = text({ wanted: 'the beginning of a key, at most 1,024 characters', pattern: /^.{0,1024}$/su })
const accessKeyId = text({
  wanted: 'an access key id of 1 to 128 characters without space, "/" or ","',
  pattern: /^[^\s/,]{1,128}$/,
  reference: true,
})
const secretAccessKey = text({
  wanted: 'a secret access key of 1 to 256 characters',
  pattern: /^[\x21-\x7e]{1,256}$/,
  secret: true,
  reference: true,
})
const sessionToken = text({ wanted: 'a session token of at most 16 KiB', pattern: /^[\x21-\x7e]{1,16384}$/, secret: true, reference: true })
const diskKey = text({
  wanted: '32 bytes as 64 hexadecimal digits or in Base64',
  pattern: /^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$/,
  secret: true,
  reference: true,
})
const adminToken = text({
  wanted: 'a token of 16 to 512 visible ASCII characters',
  pattern: /^[\x21-\x7e]{16,512}$/,
  secret: true,
  reference: true,
})

const style = word('path', 'virtual-host')

/** One item of `origins`. */
export const originSchema = z.strictObject({
  name: required(name, { doc: 'What the origin is called in logs, metrics and messages. Unique.' }),
  url: maybe(url, { doc: 'An S3 endpoint: scheme, host, port and an optional path prefix. Either this or `directory`.' }),
  directory: maybe(path, { doc: 'A local directory whose sub-directories are the buckets. Either this or `url`.' }),
  linkLatency: maybe(duration({ min: 0, max: 1 * MINUTE_MS }), {
    doc: 'For demonstrations and benchmarks: a simulated wide-area link in front of `directory` adds this before every answer.',
  }),
  linkBandwidth: maybe(size({ min: 1 * KiB, max: 1 * TiB }), {
    doc: 'For demonstrations and benchmarks: bytes per second of each answer on the simulated link in front of `directory`.',
  }),
  buckets: list(bucketPattern, {
    fallback: ['*'],
    doc: 'The buckets that this origin serves: names, or patterns with `*`. The first origin that matches is asked.',
  }),
  region: maybe(regionName, {
    doc: 'The region that requests are signed for. Otherwise: the one in an amazonaws.com host name, else the top-level `region`.',
  }),
  style: option(style, { fallback: 'path', doc: 'Where the bucket stands in requests to the origin: in the path or in the host name.' }),
  dialect: option(word('auto', 'aws', 'ceph', 'ceph-legacy', 'gcs', 'minio', 'r2'), {
    fallback: 'auto',
    doc: 'Which service it is, for the form in which uploads go up. `auto`: told by the host name, otherwise learned from its answers.',
  }),
  credentials: maybe(word('default-chain', 'unsigned'), {
    doc: 'Where the credentials come from if no keys are given here: the AWS default chain, or none (requests go up unsigned). Default: see "Credentials".',
  }),
  accessKeyId: maybe(accessKeyId, { doc: 'Static credentials for the origin: the key id.' }),
  secretAccessKey: maybe(secretAccessKey, { doc: 'Static credentials for the origin: the secret.' }),
  sessionToken: maybe(sessionToken, { doc: 'Static credentials for the origin: the token of temporary credentials.' }),
  connectTimeout: option(duration({ min: 100, max: 5 * MINUTE_MS }), {
    fallback: '5s',
    doc: 'How long a connection to the origin, TLS included, may take.',
  }),
  headTimeout: option(duration({ min: 100, max: 30 * MINUTE_MS }), {
    fallback: '30s',
    doc: "How long to wait for the origin's response head once a request has been sent.",
  }),
  bodyTimeout: option(duration({ min: 100, max: 30 * MINUTE_MS }), {
    fallback: '30s',
    doc: "How long the origin's response body may pause.",
  }),
  connections: option(integer({ min: 1, max: 10_000 }), { fallback: '256', doc: 'Most connections to the origin at once.' }),
  ca: maybe(path, { doc: "PEM file with certificate authorities to trust for this origin besides the system's." }),
})

const grant = z.strictObject({
  bucket: required(bucketPattern, { doc: 'The bucket, or a pattern with `*`.' }),
  prefix: option(prefix, { fallback: '', doc: 'Only keys (and listings) that begin with this.' }),
  actions: list(word('read', 'read-version', 'write', 'delete', 'delete-version', 'list', 'admin'), {
    fallback: ['read', 'list'],
    doc: 'What the client may do there. `…-version` is for versions that are named by their id; `admin` is everything else: bucket settings, policies, ACLs, object locks.',
  }),
})

const client = z.strictObject({
  accessKeyId: required(accessKeyId, { doc: 'The key id that the client signs with. Unique.' }),
  secretAccessKey: required(secretAccessKey, { doc: 'The secret that the client signs with.' }),
  sessionToken: maybe(sessionToken, { doc: 'The token that must come with this key, for temporary credentials.' }),
  grants: z.array(grant).min(1).max(GRANTS_MAX),
})

const rule = z.strictObject({
  bucket: required(bucketPattern, { doc: 'The bucket, or a pattern with `*`.' }),
  prefix: option(prefix, { fallback: '', doc: 'Only keys that begin with this.' }),
  mode: required(mode, { doc: 'The consistency mode there.' }),
})

const tls = z.strictObject({
  certificate: maybe(path, { flag: 'tls-cert', doc: 'PEM file with the certificate chain of the S3 listener. Needs `tls.key`.' }),
  key: maybe(path, { flag: 'tls-key', doc: 'PEM file with the private key of the S3 listener. Needs `tls.certificate`.' }),
})

const disk = z.strictObject({
  directory: maybe(directory, {
    flag: 'disk',
    doc: 'Directory for a disk cache below `memory`: it survives restarts. Made where it is absent; one that holds anything else is refused. One process at a time.',
  }),
  max: maybe(size({ min: DISK_MIN_BYTES, max: 64 * TiB }), {
    flag: 'disk-max',
    doc: 'All that the disk cache may take, as the file system counts. Default: half of what is free there, with what it takes already.',
  }),
  reserve: maybe(size({ min: 0, max: 64 * TiB }), {
    doc: 'Free space on the file system that is left to others: the disk cache makes itself smaller rather than take it. Default: a twentieth of the file system, at most 10GiB.',
  }),
  dailyWrites: maybe(size({ min: 0, max: 1024 * TiB }), {
    flag: 'disk-daily-writes',
    doc: 'Wear: once the disk is full, bytes per day that may be written for objects that were not asked for twice. Default: `disk.max`.',
  }),
  index: maybe(size({ min: 1 * MiB, max: 64 * GiB }), {
    doc: 'Memory for the index of the disk cache at most: 20 bytes per record. Default: an eighth of `memory`, at least 64MiB.',
  }),
  key: maybe(diskKey, { doc: 'Encrypts the disk cache at rest (AES-256-GCM). A directory keeps the key that it was made with.' }),
})

const limits = z.strictObject({
  head: option(size({ min: 8 * KiB, max: 1 * MiB }), { fallback: '64KiB', doc: 'Longest request head: request line and header fields.' }),
  connections: option(integer({ min: 1, max: 1_000_000 }), { fallback: '16384', doc: 'Most client connections at once.' }),
  headTimeout: option(duration({ min: 100, max: 10 * MINUTE_MS }), {
    fallback: '30s',
    doc: 'How long a client may take to send a request head, TLS handshake included.',
  }),
  idleTimeout: option(duration({ min: 100, max: 1 * HOUR_MS }), {
    fallback: '75s',
    doc: 'How long a kept-alive connection may wait for its next request.',
  }),
  bodyRate: option(size({ min: 1, max: 1024 * MiB }), {
    fallback: '1KiB',
    doc: 'Bytes per second; a body that moves slower than this over `limits.bodyRateWindow`, either way, is cut.',
  }),
  bodyRateWindow: option(duration({ min: 100, max: 10 * MINUTE_MS }), {
    fallback: '30s',
    doc: 'The time over which `limits.bodyRate` is measured.',
  }),
  drainTimeout: option(duration({ min: 100, max: 1 * HOUR_MS }), {
    fallback: '25s',
    doc: 'How long requests in flight may go on after SIGTERM. The default ends before Kubernetes kills.',
  }),
  buffers: maybe(size({ min: 16 * MiB, max: 256 * GiB }), {
    doc: 'Memory for bytes on their way that are not in the cache: request bodies, answers that are not cached, copies for slow clients. Once it is used up, new uploads are answered 503 SlowDown and clients that do not read are cut. Default: a quarter of what the machine or the container has beside `memory`, from 64MiB to 1GiB.',
  }),
  clockSkew: option(duration({ min: 1 * SECOND_MS, max: 1 * HOUR_MS }), {
    fallback: '15m',
    doc: "How far a client's clock may be off before its signature is refused. S3 allows 15 minutes.",
  }),
})

const prices = z.strictObject({
  egressPerGiB: option(decimal({ min: 0, max: 1000 }), {
    fallback: '0.09',
    doc: 'US dollars per GiB that leaves the origin, for the savings figures. Set it to what you pay.',
  }),
  getPerThousand: option(decimal({ min: 0, max: 1000 }), {
    fallback: '0.0004',
    doc: 'US dollars per thousand GET requests at the origin, for the savings figures.',
  }),
})

const log = z.strictObject({
  level: option(word('debug', 'info', 'warn', 'error', 'silent'), {
    fallback: 'info',
    flag: 'log-level',
    doc: 'What is logged at all.',
  }),
  requests: option(flag, {
    fallback: 'true',
    flag: 'no-request-log',
    flagSets: false,
    doc: 'One JSON line for every request.',
  }),
})

/** The whole configuration as it is written in a file. */
export const configSchema = z.strictObject({
  listen: option(address, { fallback: '0.0.0.0:9000', flag: 'listen', doc: 'Where S3 clients connect. `:PORT` is every IPv4 address.' }),
  admin: option(address, {
    fallback: '127.0.0.1:9001',
    flag: 'admin',
    doc: 'Where metrics, health and profiles are served. Away from loopback it needs `adminToken`.',
  }),
  adminToken: maybe(adminToken, { doc: 'What callers of the admin listener send as `Authorization: Bearer …`.' }),
  memory: option(size({ min: MEMORY_MIN_BYTES, max: 256 * GiB }), {
    fallback: '256MiB',
    flag: 'memory',
    doc: 'Memory for cached objects.',
  }),
  disk: disk.prefault({}),
  workers: option(orWord('auto', integer({ min: 1, max: WORKERS_MAX })), {
    fallback: 'auto',
    flag: 'workers',
    doc: 'Data workers: threads that serve requests, out of one cache. `auto`: as many as whole cores can be used, CPU quota included, and at most one for every 16 MiB of `memory`.',
  }),
  mode: option(mode, {
    fallback: 'ttl=60s',
    flag: 'mode',
    doc: 'How stale a hit may be: `immutable`, `strict`, or `ttl=60s`, the last with `,swr=10s` (stale while revalidating) and `,sie=1h` (stale if the origin fails).',
  }),
  anonymous: option(flag, {
    fallback: 'false',
    flag: 'anonymous',
    flagSets: true,
    doc: 'Clients need no signature, and everybody who can connect may do everything.',
  }),
  identity: option(word('verified', 'mixed', 'pass-through'), {
    fallback: 'verified',
    flag: 'identity',
    doc: 'Who checks who asks: hotbucket, which then signs for the origin itself (`verified`); the origin, for every request, as the client signed it (`pass-through`); or each for the keys that it knows (`mixed`). See "Credentials".',
  }),
  domains: list(domain, { fallback: [], flag: 'domain', doc: 'Base domains for virtual-host addressing: `BUCKET.DOMAIN`.' }),
  region: maybe(regionName, {
    doc: 'The region for origins that name none. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then us-east-1.',
  }),
  tls: tls.prefault({}),
  origin: maybe(location, {
    flag: 'origin',
    doc: 'One origin by its URL or its directory: short for an item of `origins` named `default`, asked after all others.',
  }),
  originRegion: maybe(regionName, { flag: 'origin-region', doc: 'The region of `origin`.' }),
  originStyle: maybe(style, { flag: 'origin-style', doc: 'The addressing style of `origin`. Default: path.' }),
  origins: z.array(originSchema).max(ORIGINS_MAX).prefault([]),
  clients: z.array(client).max(CLIENTS_MAX).prefault([]),
  rules: z.array(rule).max(RULES_MAX).prefault([]),
  limits: limits.prefault({}),
  prices: prices.prefault({}),
  log: log.prefault({}),
})

/** A file, environment and flags after parsing; not yet checked as a whole. */
export type RawConfig = z.infer<typeof configSchema>
export type RawOrigin = RawConfig['origins'][number]

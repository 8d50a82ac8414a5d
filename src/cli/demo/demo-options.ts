import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'

import { parseByteSize } from '../../base/byte-size.ts'
import { parseDuration } from '../../base/duration.ts'
import type { Config, LinkConfig, Machine } from '../../config/config.ts'
import type { FlagValues } from '../../config/gather.ts'
import { loadConfig } from '../../config/load.ts'
import { isLoopback } from '../../config/option-text.ts'
import type { Problem } from '../../config/problem.ts'
import type { DemoCredentials } from './load-protocol.ts'
import { SAMPLE_BUCKETS, SAMPLE_OBJECTS_DEFAULT, SAMPLE_OBJECTS_MAX, SAMPLE_OBJECTS_MIN, SAMPLE_SEED_DEFAULT } from './sample-plan.ts'

/** What a demo does, every value present. */
export interface DemoOptions {
  /** Undefined: until it is told to stop. */
  readonly durationMs: number | undefined
  readonly dataDirectory: string
  readonly objectCount: number
  readonly seed: number
  /** Undefined: as fast as it goes. */
  readonly readsPerSecond: number | undefined
  readonly link: LinkConfig
  readonly credentials: DemoCredentials
  /** What the server is started with. */
  readonly config: Config
}

export type DemoOptionsResult =
  | { readonly ok: true; readonly options: DemoOptions }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** What the command line said: the demo's own options by flag name, and those of the configuration by key. */
export interface DemoArguments {
  readonly own: Readonly<Record<string, string | true>>
  readonly flags: FlagValues
  /** What a relative `--dir` is relative to. */
  readonly directory: string
  readonly machine: Machine
}

/** An option that only the demo has. */
interface DemoFlag {
  readonly flag: string
  readonly value: string
  readonly doc: string
}

/** For the help and for whoever reads the command line. */
export const DEMO_FLAGS: readonly DemoFlag[] = [
  { flag: 'for', value: 'DURATION', doc: 'End after this long, with a summary. Otherwise: Ctrl-C.' },
  { flag: 'latency', value: 'DURATION', doc: 'What the simulated origin adds before every answer. Default: 40ms.' },
  { flag: 'bandwidth', value: 'SIZE/s', doc: 'Bytes per second of each answer of the simulated origin. Default: 50MB/s.' },
  { flag: 'rate', value: 'N/s', doc: 'Reads per second of the built-in load, or max. Default: 200/s.' },
  { flag: 'dir', value: 'DIR', doc: 'Where the sample data is kept, in DIR/origin, and the disk cache, in DIR/disk. Default: .demo.' },
  { flag: 'objects', value: 'N', doc: `Number of sample objects. Default: ${SAMPLE_OBJECTS_DEFAULT}.` },
  { flag: 'seed', value: 'N', doc: `Makes other sample data and another order of reads. Default: ${SAMPLE_SEED_DEFAULT}.` },
]

/** Where the demo listens if nobody says otherwise: its key is known to everybody, so loopback alone. */
export const DEMO_LISTEN = '127.0.0.1:9000'
/** The name of the origin in the demo's configuration. */
export const DEMO_ORIGIN = 'sample-data'
/** A bucket that whoever tries the demo may write to; the sample buckets are read-only, or the load would find changed bytes. */
export const SCRATCH_BUCKET = 'scratch'

/** Room for the sample data several times over. */
const DISK_BYTES = 1024 ** 3
const DISK_INDEX_BYTES = 16 * 1024 * 1024
const LATENCY_MS_DEFAULT = 40
const LATENCY_MS_MAX = 10_000
const BYTES_PER_SECOND_DEFAULT = 50e6
const BYTES_PER_SECOND_MIN = 1e5
const BYTES_PER_SECOND_MAX = 1e11
const READS_PER_SECOND_DEFAULT = 200
const READS_PER_SECOND_MAX = 100_000
const SEED_MAX = 2 ** 32 - 1
const DURATION_MS_MAX = 30 * 86_400_000

/** Reads the demo's options and makes the configuration of its server; everything that is wrong, at once. */
export function resolveDemoOptions(given: DemoArguments): DemoOptionsResult {
  const problems: Problem[] = []
  const read = <T>(flag: string, fallback: T, { parse, wanted }: Reading<T>): T => {
    const text = given.own[flag]
    if (text === undefined) return fallback
    const value = text === true ? undefined : parse(text)
    if (value !== undefined) return value.read
    problems.push({ key: `--${flag}`, value: text === true ? undefined : text, wanted, from: undefined })
    return fallback
  }
  const durationMs = read<number | undefined>('for', undefined, DURATION)
  const link = {
    latencyMs: read('latency', LATENCY_MS_DEFAULT, LATENCY),
    bytesPerSecond: read('bandwidth', BYTES_PER_SECOND_DEFAULT, BANDWIDTH),
  }
  const readsPerSecond = read<number | undefined>('rate', READS_PER_SECOND_DEFAULT, RATE)
  const objectCount = read('objects', SAMPLE_OBJECTS_DEFAULT, wholeNumber(SAMPLE_OBJECTS_MIN, SAMPLE_OBJECTS_MAX))
  const seed = read('seed', SAMPLE_SEED_DEFAULT, wholeNumber(0, SEED_MAX))
  const ownDirectory = resolve(given.directory, read('dir', '.demo', TEXT))
  const dataDirectory = join(ownDirectory, 'origin')
  const diskDirectory = join(ownDirectory, 'disk')
  const base = baseConfig(given)
  if (!base.ok) return { ok: false, problems: [...problems, ...base.problems] }
  if (problems.length > 0) return { ok: false, problems }
  const credentials = demoCredentials(base.config.listen.host)
  const config = demoConfig(base.config, { dataDirectory, diskDirectory, link, credentials })
  return { ok: true, options: { durationMs, dataDirectory, objectCount, seed, readsPerSecond, link, credentials, config } }
}

interface Reading<T> {
  readonly parse: (text: string) => { readonly read: T } | undefined
  readonly wanted: string
}

const TEXT: Reading<string> = { parse: (text) => (text === '' ? undefined : { read: text }), wanted: 'a path' }

const DURATION: Reading<number> = {
  parse: (text) => within(parseDuration(text), 1000, DURATION_MS_MAX),
  wanted: 'a duration such as 20s, from 1s to 30d',
}

const LATENCY: Reading<number> = {
  parse: (text) => within(parseDuration(text), 0, LATENCY_MS_MAX),
  wanted: 'a duration such as 40ms, from 0ms to 10s',
}

const BANDWIDTH: Reading<number> = {
  parse: (text) => within(parseByteSize(text.replace(/\/s$/, '')), BYTES_PER_SECOND_MIN, BYTES_PER_SECOND_MAX),
  wanted: 'bytes per second such as 50MB/s, from 100KB/s to 100GB/s',
}

const RATE: Reading<number | undefined> = {
  parse: (text) => (text === 'max' ? { read: undefined } : within(wholeOf(text.replace(/\/s$/, '')), 1, READS_PER_SECOND_MAX)),
  wanted: 'reads per second such as 200/s, up to 100000/s, or max',
}

function wholeNumber(min: number, max: number): Reading<number> {
  return { parse: (text) => within(wholeOf(text), min, max), wanted: `a whole number from ${min} to ${max}` }
}

function wholeOf(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function within(value: number | undefined, min: number, max: number): { readonly read: number } | undefined {
  return value !== undefined && value >= min && value <= max ? { read: value } : undefined
}

/**
 * Defaults and the given flags, without the surroundings: HOTBUCKET_* variables are meant for a real server. Origin and anonymous
 * access stand in for the moment, because a configuration without them is refused; `demoConfig` has the last word.
 */
function baseConfig(given: DemoArguments): ReturnType<typeof loadConfig> {
  const { directory, machine } = given
  const flags = { listen: DEMO_LISTEN, ...given.flags, origin: directory, anonymous: true }
  return loadConfig({ file: undefined, flags, env: {}, directory, machine })
}

interface DemoSetup {
  readonly dataDirectory: string
  readonly diskDirectory: string
  readonly link: LinkConfig
  readonly credentials: DemoCredentials
}

function demoConfig(base: Config, { dataDirectory, diskDirectory, link, credentials }: DemoSetup): Config {
  const readOnly = SAMPLE_BUCKETS.map((bucket) => ({ bucket, prefix: '', actions: ['read', 'list'] as const }))
  const writable = { bucket: SCRATCH_BUCKET, prefix: '', actions: ['read', 'list', 'write', 'delete'] as const }
  return {
    ...base,
    anonymous: false,
    disk: {
      directory: diskDirectory,
      maxBytes: DISK_BYTES,
      reserveBytes: undefined,
      dailyWriteBytes: undefined,
      indexBytes: DISK_INDEX_BYTES,
      key: undefined,
    },
    origins: [{ name: DEMO_ORIGIN, buckets: ['*'], kind: 'directory', path: dataDirectory, link }],
    clients: [{ ...credentials, sessionToken: undefined, grants: [...readOnly, writable] }],
    // The live view owns the terminal.
    log: { level: 'silent', requests: false },
  }
}

/** On loopback a fixed key, so that a terminal that was set up once stays good; elsewhere a secret that nobody else knows. */
function demoCredentials(host: string): DemoCredentials {
  const secretAccessKey = isLoopback(host) ? 'hotbucket-demo' : randomBytes(15).toString('base64url')
  return { accessKeyId: 'HOTBUCKETDEMO', secretAccessKey }
}

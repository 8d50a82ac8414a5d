import { z } from 'zod'
import { parseByteSize } from '../base/byte-size.ts'
import { formatDuration, parseDuration } from '../base/duration.ts'
import { formatExactSize, isBucketPattern, isHostName, parseHostPort, parseMode } from './option-text.ts'
import type { Consistency, HostPort } from './config.ts'

/** What an option's value is, for the reader of a document and for whatever has to treat it specially. */
export type OptionKind =
  | 'size'
  | 'duration'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'text'
  | 'word'
  | 'address'
  | 'mode'
  | 'path'
  | 'directory'
  | 'location'
  | 'url'

/** Everything that is known of one option besides its parser. */
export interface OptionMeta {
  readonly kind: OptionKind
  /** Ends the sentence "wanted …". */
  readonly wanted: string
  /** One or two sentences for docs/config.md and `--help`. */
  readonly doc: string
  /** The value in its text form where nobody gave one. */
  readonly fallback: string | undefined
  readonly required: boolean
  /** The command line's name for it, without dashes. */
  readonly flag: string | undefined
  /** A boolean flag that sets the option to this. */
  readonly flagSets: boolean | undefined
  /** Its value never leaves the process: not in a dump, a message or a log. May be given as a reference. */
  readonly secret: boolean
  /** A value may be `${env:NAME}` or `file:PATH`. */
  readonly reference: boolean
  /** The option is a list of such values. */
  readonly many: boolean
}

/** The metadata of every option, by its schema. */
export const optionMeta = z.registry<OptionMeta>()

/** What a line of the table says besides the type. */
export interface OptionSpec {
  readonly doc: string
  readonly flag?: string
  readonly flagSets?: boolean
}

interface Leaf<T> {
  readonly kind: OptionKind
  readonly wanted: string
  readonly parse: (raw: unknown) => T | undefined
  readonly secret?: true
  readonly reference?: true
}

/** An option with a value where nobody gives one. */
export function option<T>(leaf: Leaf<T>, spec: OptionSpec & { readonly fallback: string }) {
  const schema = schemaOf(leaf).prefault(spec.fallback)
  return describe(schema, leaf, { spec, fallback: spec.fallback })
}

/** An option that may be absent. */
export function maybe<T>(leaf: Leaf<T>, spec: OptionSpec) {
  return describe(schemaOf(leaf).optional(), leaf, { spec })
}

/** An option of a list's item that must be there. */
export function required<T>(leaf: Leaf<T>, spec: OptionSpec) {
  return describe(schemaOf(leaf), leaf, { spec, required: true })
}

/** A list of values; one value alone, or text with commas, counts as a list too. */
export function list<T>(leaf: Leaf<T>, spec: OptionSpec & { readonly fallback: readonly string[] }) {
  const schema = z.unknown().transform((raw, context): T[] => {
    const items: unknown[] = typeof raw === 'string' ? raw.split(',').map((part) => part.trim()) : Array.isArray(raw) ? raw : [raw]
    return items.flatMap((item, index) => {
      const value = leaf.parse(item)
      if (value === undefined) context.addIssue({ code: 'custom', message: leaf.wanted, path: [index] })
      return value === undefined ? [] : [value]
    })
  })
  const fallback = spec.fallback.length === 0 ? undefined : spec.fallback.join(',')
  return describe(schema.prefault(spec.fallback), leaf, { spec, fallback, many: true })
}

function schemaOf<T>(leaf: Leaf<T>) {
  return z.unknown().transform((raw, context): T => {
    const value = leaf.parse(raw)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: leaf.wanted })
    return z.NEVER
  })
}

interface Description {
  readonly spec: OptionSpec
  readonly fallback?: string | undefined
  readonly required?: boolean
  readonly many?: boolean
}

function describe<S extends z.ZodType>(schema: S, leaf: Leaf<unknown>, more: Description): S {
  optionMeta.add(schema, {
    kind: leaf.kind,
    wanted: leaf.wanted,
    doc: more.spec.doc,
    fallback: more.fallback,
    required: more.required ?? false,
    flag: more.spec.flag,
    flagSets: more.spec.flagSets,
    secret: leaf.secret ?? false,
    reference: leaf.reference ?? false,
    many: more.many ?? false,
  })
  return schema
}

interface Bounds {
  readonly min: number
  readonly max: number
}

export function size(bounds: Bounds): Leaf<number> {
  const parse = (raw: unknown) => (typeof raw === 'string' ? parseByteSize(raw) : whole(raw))
  const wanted = `a size from ${formatExactSize(bounds.min)} to ${formatExactSize(bounds.max)}`
  return { kind: 'size', wanted, parse: (raw) => within(bounds, parse(raw)) }
}

export function duration(bounds: Bounds): Leaf<number> {
  const wanted = `a duration with its unit from ${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`
  return { kind: 'duration', wanted, parse: (raw) => within(bounds, typeof raw === 'string' ? parseDuration(raw) : undefined) }
}

export function integer(bounds: Bounds): Leaf<number> {
  const parse = (raw: unknown) => (typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : whole(raw))
  return { kind: 'integer', wanted: `a whole number from ${bounds.min} to ${bounds.max}`, parse: (raw) => within(bounds, parse(raw)) }
}

/** What `leaf` is, or the word. */
export function orWord<T, const W extends string>(word_: W, leaf: Leaf<T>): Leaf<T | W> {
  return { ...leaf, wanted: `"${word_}", or ${leaf.wanted}`, parse: (raw) => (raw === word_ ? word_ : leaf.parse(raw)) }
}

export function decimal(bounds: Bounds): Leaf<number> {
  const parse = (raw: unknown) => (typeof raw === 'string' && /^\d{1,15}(\.\d{1,15})?$/.test(raw) ? Number(raw) : finite(raw))
  return { kind: 'number', wanted: `a number from ${bounds.min} to ${bounds.max}`, parse: (raw) => within(bounds, parse(raw)) }
}

export const flag: Leaf<boolean> = {
  kind: 'boolean',
  wanted: 'true or false',
  parse: (raw) => (raw === true || raw === 'true' ? true : raw === false || raw === 'false' ? false : undefined),
}

export function word<const W extends string>(...words: readonly W[]): Leaf<W> {
  return { kind: 'word', wanted: `one of ${words.join(', ')}`, parse: (raw) => words.find((candidate) => candidate === raw) }
}

interface TextOptions {
  readonly wanted: string
  readonly pattern: RegExp
  readonly secret?: true
  readonly reference?: true
}

export function text(options: TextOptions): Leaf<string> {
  const { pattern, ...rest } = options
  return { kind: 'text', ...rest, parse: (raw) => (typeof raw === 'string' && pattern.test(raw) ? raw : undefined) }
}

export const bucketPattern: Leaf<string> = {
  kind: 'text',
  wanted: 'a bucket name, or a pattern with "*"',
  parse: (raw) => (typeof raw === 'string' && isBucketPattern(raw) ? raw : undefined),
}

export const domain: Leaf<string> = {
  kind: 'text',
  wanted: 'a DNS name such as "s3.example.com"',
  parse: (raw) => (typeof raw === 'string' && isHostName(raw) ? raw.toLowerCase() : undefined),
}

export const address: Leaf<HostPort> = {
  kind: 'address',
  wanted: 'HOST:PORT, such as "127.0.0.1:9000", "[::1]:9000" or ":9000"',
  parse: (raw) => (typeof raw === 'string' ? parseHostPort(raw) : undefined),
}

export const mode: Leaf<Consistency> = {
  kind: 'mode',
  wanted: '"immutable", "strict" or "ttl=60s", the last with ",swr=…" and ",sie=…" if wanted, each up to 365d',
  parse: (raw) => (typeof raw === 'string' ? parseMode(raw) : undefined),
}

/** A path in the file system: relative to the file that names it, or to the working directory. */
export const path: Leaf<string> = {
  kind: 'path',
  wanted: 'a path',
  parse: (raw) => (typeof raw === 'string' && raw !== '' && !raw.includes('\0') ? raw : undefined),
}

/** The path of a directory. */
export const directory: Leaf<string> = { ...path, kind: 'directory', wanted: 'the path of a directory' }

/** An origin by its URL or its directory. */
export const location: Leaf<string> = {
  kind: 'location',
  wanted: 'an http or https URL without user, password, query or fragment, or a directory',
  parse: (raw) => (typeof raw === 'string' && raw.includes('://') ? parseUrl(raw) : path.parse(raw)),
}

export const url: Leaf<string> = {
  kind: 'url',
  wanted: 'an http or https URL without user, password, query or fragment, such as "https://s3.eu-west-1.amazonaws.com"',
  parse: (raw) => (typeof raw === 'string' ? parseUrl(raw) : undefined),
}

function parseUrl(raw: string): string | undefined {
  const parsed = URL.parse(raw)
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) return undefined
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') return undefined
  return parsed.href.replace(/\/+$/, '')
}

function within(bounds: Bounds, value: number | undefined): number | undefined {
  return value !== undefined && value >= bounds.min && value <= bounds.max ? value : undefined
}

function whole(raw: unknown): number | undefined {
  return typeof raw === 'number' && Number.isSafeInteger(raw) ? raw : undefined
}

function finite(raw: unknown): number | undefined {
  return typeof raw === 'number' && Number.isFinite(raw) ? raw : undefined
}

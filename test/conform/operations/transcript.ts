import { createHash } from 'node:crypto'

/** Fields of an answer that are bound to the one answer, to the connection, or that hotbucket adds. */
const IGNORED_FIELDS: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'connection',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
  'x-amz-id-2',
  'x-amz-request-id',
  'x-amzn-requestid',
])

/** What says nothing of the object: an error's length depends on the ids in its text, and servers differ in what else they add. */
const IGNORED_IN_ERRORS: ReadonlySet<string> = new Set(['accept-ranges', 'content-length', 'content-range'])

/** Of users, roles and their keys. */
const KEY_OR_ID = /^(user|role|assumedrole|accesskey)id$|^secretaccesskey$/i

/** Fields and elements whose value a server makes up, and that come back in later requests. */
const MADE_UP: readonly RegExp[] = [/^x-amz-.*version-id$/i, /version-?id$/i, /uploadid/i, /token/i, /version-?id-?marker/i, KEY_OR_ID]
/** Made up, and never asked for again. */
const PASSING: ReadonlySet<string> = new Set([
  'RequestId',
  'HostId',
  'LastModified',
  'CreationDate',
  'Initiated',
  'Date',
  'requestId',
  'extendedRequestId',
  'cfId',
])

/** Lists in the order in which a server was done with their members. */
const UNORDERED: ReadonlySet<string> = new Set(['Deleted', 'Errors'])
const UNORDERED_MEMBER = /<Deleted>.*?<\/Deleted>/gs

const HTTP_DATE = /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\b/g
const ISO_DATE = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g
/** JSON in Base64, as KMS encryption contexts are sent: they name the bucket. */
const ENCODED_JSON = /\beyJ[\w+/]+=*/g
const VALUE_CHARACTERS_MAX = 4_000

export type Fields = Readonly<Record<string, string | string[] | undefined>>

/**
 * What a check saw, one line for every answer, with all that differs between two runs against one server replaced by symbols:
 * names of buckets, ids that the server made up, dates.
 */
export class Transcript {
  readonly lines: string[] = []
  readonly #symbols = new Map<string, string>()
  #made = 0

  /** From now on `text` is shown as `{symbol}`. */
  name(text: string, symbol: string): void {
    this.#symbols.set(text, `{${symbol}}`)
  }

  add(line: string): void {
    this.lines.push(this.plain(line))
  }

  /** `text` with symbols in it. */
  plain(text: string): string {
    const decoded = this.#symbolic(text).replaceAll(ENCODED_JSON, (encoded) =>
      this.#symbolic(Buffer.from(encoded, 'base64').toString('utf8')),
    )
    return decoded.replaceAll(HTTP_DATE, '{date}').replaceAll(ISO_DATE, '{date}')
  }

  #symbolic(text: string): string {
    let out = text
    for (const [value, symbol] of [...this.#symbols].sort(([a], [b]) => b.length - a.length)) out = out.replaceAll(value, symbol)
    return out
  }

  /** The fields that count, in the order of their names. */
  fields(fields: Fields, options: { readonly error: boolean }): string {
    const shown: string[] = []
    // The text is compared; its length depends on ids in it.
    const isXml = String(fields['content-type']).includes('xml')
    for (const name of Object.keys(fields)
      .map((one) => one.toLowerCase())
      .sort()) {
      const raw = fields[name]
      if (isXml && name === 'content-length') continue
      if (raw === undefined || IGNORED_FIELDS.has(name) || (options.error && IGNORED_IN_ERRORS.has(name))) continue
      const value = Array.isArray(raw) ? raw.join(', ') : raw
      this.#learn(name, value)
      shown.push(`${name}: ${value}`)
    }
    return shown.join(' | ')
  }

  /** A parsed answer as one line. */
  value(value: unknown): string {
    return (JSON.stringify(this.#walk(value, '')) ?? '').slice(0, VALUE_CHARACTERS_MAX)
  }

  /** A body: an error's code, other XML with its text, and everything else by length and hash. */
  body(body: Buffer, status: number): string {
    const text = body.subarray(0, 512 * 1024).toString('utf8')
    if (body.length === 0) return 'empty'
    if (status >= 300 && text.startsWith('{')) return `error ${/"Code": *"(.*?)"/.exec(text)?.[1] ?? 'in JSON'}`
    if (!/^\s*<[?\w]/.test(text)) return hashOf(body)
    if (status >= 300) return `error ${/<Code>(.*?)<\/Code>/s.exec(text)?.[1] ?? hashOf(body)}`
    for (const [, name = '', value = ''] of text.matchAll(/<(\w+)>([^<]*)<\/\w+>/g)) this.#learn(name, value)
    const plain = this.#inOrder(text).replaceAll(/<(\w+)>([^<]*)<\/\w+>/g, (whole, name: string) =>
      PASSING.has(name) ? `<${name}/>` : whole,
    )
    return `xml ${plain.replaceAll(/\s*\n\s*/g, '').slice(0, VALUE_CHARACTERS_MAX)}`
  }

  #inOrder(xml: string): string {
    const members = [...xml.matchAll(UNORDERED_MEMBER)].map(([member]) => member)
    members.sort((a, b) => (this.plain(a) < this.plain(b) ? -1 : 1))
    return xml.replaceAll(UNORDERED_MEMBER, () => members.shift() ?? '')
  }

  #learn(name: string, value: string): void {
    // Short values are words such as "null".
    if (value.length < 8 || this.#symbols.has(value) || !MADE_UP.some((one) => one.test(name))) return
    this.#made++
    this.name(value, `id${this.#made}`)
  }

  #walk(value: unknown, name: string): unknown {
    if (value instanceof Date) return '{date}'
    if (typeof value === 'string') {
      this.#learn(name, value)
      return value
    }
    if (value instanceof Uint8Array) return hashOf(Buffer.from(value))
    if (Array.isArray(value)) {
      const items = value.map((one) => this.#walk(one, name))
      return UNORDERED.has(name) ? items.sort((a, b) => (this.plain(JSON.stringify(a)) < this.plain(JSON.stringify(b)) ? -1 : 1)) : items
    }
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).filter(([key, one]) => one !== undefined && key !== '$metadata' && !PASSING.has(key))
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, this.#walk(one, key)]))
  }
}

export function hashOf(body: Buffer): string {
  return `${body.length} bytes ${createHash('sha256').update(body).digest('hex').slice(0, 16)}`
}

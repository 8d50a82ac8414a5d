import { difference } from '../clients/corpus.ts'
import type { TestOrigin } from '../clients/origins/test-origin.ts'
import { type Reply, ReferenceClient, decodeListedKey } from '../clients/reference-client.ts'

/** Of larger objects only the ends are read, this many bytes of each. */
const WHOLE_BYTES_MAX = 32 * 1024 * 1024
const END_BYTES = 4 * 1024 * 1024

/** An object that hotbucket answered for, as its log names it. */
export interface TouchedObject {
  readonly bucket: string
  readonly key: string
}

export interface SweepResult {
  readonly objects: number
  /** Of those, how many the cache answered for. */
  readonly cached: number
  readonly bytes: number
  readonly differences: readonly string[]
}

/** Fields of a cached head that must be those of the origin. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'cache-status',
  'connection',
  'date',
  'keep-alive',
  'server',
  'x-amz-request-id',
  'x-amz-id-2',
  'x-amzn-requestid',
  // Whether they are shown depends on what was asked for besides the object.
  'x-amz-checksum-algorithm',
  'x-amz-checksum-type',
  'age',
])

/**
 * Compares what is cached with the origin: every object that was asked for is read with `only-if-cached`, head and body, and what
 * comes must be what the origin gives at this moment. In a mode that validates every hit nothing is answered unasked, so there
 * the objects are read as anyone would.
 */
export class Sweeper {
  readonly #origin: TestOrigin
  readonly #headers: Readonly<Record<string, string>>
  #result: SweepResult = { objects: 0, cached: 0, bytes: 0, differences: [] }

  constructor(origin: TestOrigin, askOrigin: boolean) {
    this.#origin = origin
    this.#headers = askOrigin ? {} : { 'cache-control': 'only-if-cached' }
  }

  /** All sweeps so far. */
  get result(): SweepResult {
    return this.#result
  }

  async sweep(objects: readonly TouchedObject[], endpoint: string): Promise<void> {
    // Servers close connections that were idle from one sweep to the next.
    const direct = new ReferenceClient(this.#origin.endpoint, this.#origin.credentials)
    const through = new ReferenceClient(endpoint, this.#origin.credentials)
    try {
      for (const object of objects) await this.#compareAll(object, { direct, through })
    } finally {
      direct.close()
      through.close()
    }
  }

  /** What is current under its key, and every version of it. */
  async #compareAll(object: TouchedObject, clients: Clients): Promise<void> {
    await this.#compare(object, {}, clients)
    for (const versionId of await this.#versionsOf(object, clients.direct)) await this.#compare(object, { versionId }, clients)
  }

  async #compare(object: TouchedObject, query: Readonly<Record<string, string>>, { direct, through }: Clients): Promise<void> {
    let { objects, cached, bytes } = this.#result
    objects++
    const differences = [...this.#result.differences]
    const ask = async (method: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply> => {
      const ours = await through.send({ method, ...object, query, headers: { ...this.#headers, ...fields } })
      if (ours.status >= 300) return ours
      if (method === 'GET' && isFromCache(ours)) [cached, bytes] = [cached + 1, bytes + ours.body.length]
      const wrong = wrongWith(ours, await direct.send({ method, ...object, query, headers: fields }))
      if (wrong !== undefined) differences.push(`${method} ${object.bucket}/${object.key} ${query['versionId'] ?? ''}: ${wrong}`)
      return ours
    }
    const head = await ask('HEAD')
    const ranges = endsOf(head.status === 200 ? Number(head.headers['content-length']) : 0)
    for (const range of ranges) await ask('GET', { range })
    if (ranges.length === 0) await ask('GET')
    this.#result = { objects, cached, bytes, differences }
  }

  /** Ids of all versions of a key, where its bucket keeps versions. */
  async #versionsOf({ bucket, key }: TouchedObject, direct: ReferenceClient): Promise<string[]> {
    const { headers } = await direct.send({ method: 'HEAD', bucket, key })
    if (headers['x-amz-version-id'] === undefined) return []
    const reply = await direct.send({ method: 'GET', bucket, query: { versions: '', prefix: key, 'encoding-type': 'url' } })
    const entries = [...reply.body.toString('utf8').matchAll(/<Version>(.*?)<\/Version>/gs)].map(([, entry = '']) => entry)
    const own = entries.filter((entry) => decodeListedKey(/<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? '') === key)
    return own.flatMap((entry) => /<VersionId>(.*?)<\/VersionId>/.exec(entry)?.[1] ?? [])
  }
}

/** Ranges that are read instead of a large object. */
function endsOf(sizeBytes: number): string[] {
  return sizeBytes > WHOLE_BYTES_MAX ? [`bytes=0-${END_BYTES - 1}`, `bytes=${sizeBytes - END_BYTES}-`] : []
}

interface Clients {
  readonly direct: ReferenceClient
  readonly through: ReferenceClient
}

/** Its bytes came from memory, whether or not the origin was asked if they still hold. */
function isFromCache({ headers }: Reply): boolean {
  return /^hotbucket; (hit|fwd=stale)/.test(String(headers['cache-status']))
}

function wrongWith(ours: Reply, theirs: Reply): string | undefined {
  if (ours.status !== theirs.status) return `status ${ours.status}, at the origin ${theirs.status}`
  const names = new Set([...Object.keys(ours.headers), ...Object.keys(theirs.headers)])
  const changed = [...names].filter((name) => !OWN_FIELDS.has(name) && ours.headers[name] !== theirs.headers[name])
  if (changed.length > 0) {
    return changed.map((name) => `${name} "${String(ours.headers[name])}", at the origin "${String(theirs.headers[name])}"`).join('; ')
  }
  return difference(ours.body, theirs.body)
}

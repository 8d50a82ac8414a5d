import type { ByteSource } from '../../base/byte-source.ts'
import { seededRandom } from '../../base/random.ts'
import { VersionGone, type FetchRange, type HeadInfo, type ObjectVersion } from '../api.ts'

/** For tests: lets reads through one by one, or all. */
export class Gate {
  #open: boolean
  #permits = 0
  #waiting: (() => void)[] = []

  constructor(open: boolean) {
    this.#open = open
  }

  /** Reads that stand before the gate. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Lets everything through from now on. */
  open(): void {
    this.#open = true
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Lets one read through; the next to come if none waits. */
  step(): void {
    const go = this.#waiting.shift()
    if (go === undefined) this.#permits++
    else go()
  }

  async pass(): Promise<void> {
    if (this.#open) return
    if (this.#permits > 0) {
      this.#permits--
      return
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}

/** What is wrong with a body; positions count from its first byte. */
export interface BodyFault {
  /** Rejects when it comes there. */
  readonly breaksAt?: number
  /** Ends there as if that were all. */
  readonly endsAt?: number
  /** So many bytes more than announced. */
  readonly extraBytes?: number
}

/** For tests: a body in chunks, each of which waits at a gate. */
export class ScriptedSource implements ByteSource {
  readonly length = undefined
  cancelled = false
  readonly #bytes: Buffer
  readonly #chunkBytes: number
  readonly #gate: Gate
  readonly #breaksAt: number
  #at = 0

  constructor(bytes: Buffer, how: { readonly chunkBytes: number; readonly gate: Gate; readonly fault?: BodyFault | undefined }) {
    const { endsAt, extraBytes, breaksAt } = how.fault ?? {}
    this.#bytes = extraBytes === undefined ? bytes.subarray(0, endsAt) : Buffer.concat([bytes, Buffer.alloc(extraBytes)])
    this.#chunkBytes = how.chunkBytes
    this.#gate = how.gate
    this.#breaksAt = breaksAt ?? Infinity
  }

  get readBytes(): number {
    return this.#at
  }

  async read(): Promise<Uint8Array | undefined> {
    await this.#gate.pass()
    if (this.cancelled) throw new Error('cancelled')
    if (this.#at >= this.#breaksAt) throw new Error('connection reset')
    const chunk = this.#bytes.subarray(this.#at, Math.min(this.#at + this.#chunkBytes, this.#breaksAt))
    this.#at += chunk.length
    return chunk.length === 0 ? undefined : chunk
  }

  cancel(): void {
    this.cancelled = true
  }
}

export interface FetchCall {
  readonly version: ObjectVersion
  readonly start: number
  readonly end: number
  readonly source: ScriptedSource
}

/** For tests: an origin that has every version of every object, counts what it is asked for, and fails as told. */
export class ScriptedOrigin {
  readonly calls: FetchCall[] = []
  readonly gate: Gate
  readonly #contents = new Map<string, Buffer>()
  readonly #gone = new Set<string>()
  readonly #faults: (BodyFault | undefined)[] = []
  readonly #chunkBytes: number

  constructor(options: { readonly gate?: Gate; readonly chunkBytes?: number } = {}) {
    this.gate = options.gate ?? new Gate(true)
    this.#chunkBytes = options.chunkBytes ?? 64 * 1024
  }

  /** The next bodies go wrong like this, one each. */
  fault(...faults: (BodyFault | undefined)[]): void {
    this.#faults.push(...faults)
  }

  /** That version is not there any more. */
  remove(version: ObjectVersion): void {
    this.#gone.add(nameOf(version))
  }

  readonly fetch: FetchRange = async (version, start, end) => {
    await Promise.resolve()
    if (this.#gone.has(nameOf(version))) throw new VersionGone(`${version.etag} is gone`)
    return this.body(version, start, end)
  }

  /** A body as an answer would carry it; counts as a call. */
  body(version: ObjectVersion, start: number, end: number): ScriptedSource {
    const bytes = this.content(version).subarray(start, end)
    const source = new ScriptedSource(bytes, { chunkBytes: this.#chunkBytes, gate: this.gate, fault: this.#faults.shift() })
    this.calls.push({ version, start, end, source })
    return source
  }

  /** What the version's bytes are: they follow from key and ETag, so that a foreign byte shows. */
  content(version: ObjectVersion): Buffer {
    const name = nameOf(version)
    const known = this.#contents.get(name)
    if (known !== undefined) return known
    let seed = 0
    for (let i = 0; i < name.length; i++) seed = (Math.imul(seed, 31) + name.charCodeAt(i)) | 0
    const random = seededRandom(seed)
    const words = new Uint32Array(Math.ceil(version.sizeBytes / 4))
    for (let i = 0; i < words.length; i++) words[i] = random() * 0x1_0000_0000
    const content = Buffer.from(words.buffer, 0, version.sizeBytes)
    this.#contents.set(name, content)
    return content
  }

  /** What was read of all bodies. */
  get readBytes(): number {
    return this.calls.reduce((sum, { source }) => sum + source.readBytes, 0)
  }

  /** What was asked for. */
  get fetchedBytes(): number {
    return this.calls.reduce((sum, call) => sum + call.end - call.start, 0)
  }
}

function nameOf(version: ObjectVersion): string {
  return `${version.key}\0${version.etag}\0${version.sizeBytes}`
}

/** For tests: a head. */
export function headOf(key: string, etag: string, sizeBytes: number, validatedAtMs = 1000): HeadInfo {
  return { key, etag, sizeBytes, meta: `content-type: text/plain\r\nx-etag: ${etag}\r\n`, validatedAtMs }
}

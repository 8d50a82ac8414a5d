import assert from 'node:assert/strict'
import { ManualClock } from '../../../base/clock.ts'
import { seededRandom } from '../../../base/random.ts'
import { bodyOf, headRecord, openSession, readHeadOf, type DiskSession, type SessionOptions } from './disk-harness.ts'
import { FaultyFiles } from './faulty-files.ts'

const KEYS = 40

/** What may be found under a key. */
interface KeyModel {
  /** The version that this session stored last; undefined: none, or removed. */
  current: number | undefined
  /** Versions stored since the last removal that was acknowledged: a crash may bring back any of them. */
  possible: Set<number>
}

/**
 * For tests: a shard beside a model of what it may answer, through random operations, restarts and crashes. Every byte that is read is
 * compared: it must be of a version that was not invalidated.
 */
export class DiskModel {
  readonly files = new FaultyFiles()
  readonly clock = new ManualClock(1_700_000_000_000)
  readonly #path: string
  readonly #options: SessionOptions
  readonly #random: () => number
  readonly #keys = new Map<string, KeyModel>()
  readonly #bodyBytesMax: number
  #session: DiskSession | undefined
  #version = 0
  hits = 0
  restarts = 0

  constructor(path: string, seed: number, options: SessionOptions & { readonly bodyBytesMax: number }) {
    this.#path = path
    this.#random = seededRandom(seed)
    this.#options = options
    this.#bodyBytesMax = options.bodyBytesMax
  }

  get session(): DiskSession {
    assert.ok(this.#session !== undefined, 'a session is open')
    return this.#session
  }

  async open(bootId?: string): Promise<void> {
    this.#session = await openSession(this.#path, {
      ...this.#options,
      files: this.files,
      clock: this.clock,
      ...(bootId === undefined ? {} : { bootId }),
    })
  }

  async close(): Promise<void> {
    await this.session.close()
    this.#session = undefined
  }

  /** The process is gone: what it had not written is lost. Another one opens the directory. */
  async restartAfterCrash(): Promise<void> {
    this.restarts++
    this.files.isCrashed = true
    await this.#settle()
    await this.files.closeAll()
    this.files.isCrashed = false
    this.files.crashAt(Infinity, () => 0)
    for (const model of this.#keys.values()) model.current = undefined
    await this.open()
    await this.checkAll()
  }

  /** One random operation. Resolves also where the disk failed in it. */
  async step(): Promise<void> {
    const dice = this.#random()
    if (dice < 0.55) this.#put()
    else if (dice < 0.75) await this.#read(this.#anyKey())
    else if (dice < 0.88) await this.#remove(this.#anyKey())
    else if (dice < 0.94) await this.session.shard.flush()
    else if (dice < 0.99) {
      this.clock.advance(1000)
      await this.session.shard.tick()
    } else if (!this.files.isCrashed) {
      await this.close()
      await this.open().catch((error: unknown) => {
        if (!this.files.isCrashed) throw error
      })
    }
  }

  async checkAll(): Promise<void> {
    for (const key of this.#keys.keys()) await this.#read(key)
  }

  #anyKey(): string {
    return `key-${Math.floor(this.#random() * KEYS)}`
  }

  #model(key: string): KeyModel {
    let model = this.#keys.get(key)
    if (model === undefined) {
      model = { current: undefined, possible: new Set() }
      this.#keys.set(key, model)
    }
    return model
  }

  #put(): void {
    const key = this.#anyKey()
    const version = ++this.#version
    const bytes = Math.floor(this.#random() ** 3 * this.#bodyBytesMax)
    const model = this.#model(key)
    if (this.session.shard.put(headRecord(key, `"${version}"`, bodyOf(version, bytes))) !== 'stored') return
    model.current = version
    model.possible.add(version)
  }

  async #remove(key: string): Promise<void> {
    const model = this.#model(key)
    model.current = undefined
    // Until it is acknowledged a crash may undo it; what is put meanwhile is newer.
    const before = new Set(model.possible)
    await this.session.shard.remove(key)
    if (!this.session.shard.isDurable || this.files.isCrashed) return
    for (const version of before) model.possible.delete(version)
  }

  async #read(key: string): Promise<void> {
    const model = this.#model(key)
    const found = await readHeadOf(this.session.shard, key)
    if (found === undefined) return
    this.hits++
    const version = Number(found.etag.slice(1, -1))
    assert.ok(model.possible.has(version), `${key}: version ${version} was invalidated; possible: ${[...model.possible].join(' ')}`)
    if (model.current !== undefined) assert.equal(version, model.current, `${key}: the version that was stored last`)
    assert.ok(Buffer.from(found.body).equals(bodyOf(version, found.sizeBytes)), `${key}: every byte of version ${version}`)
    model.current ??= version
  }

  async #settle(): Promise<void> {
    await this.#session?.close().catch(() => undefined)
  }
}

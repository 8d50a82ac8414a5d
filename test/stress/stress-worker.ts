import assert from 'node:assert/strict'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import type { ByteSource } from '../../src/base/byte-source.ts'
import { seededRandom } from '../../src/base/random.ts'
import { VersionGone, type FetchRange, type HeadInfo, type Piece } from '../../src/cache/api.ts'
import { Cache } from '../../src/cache/cache.ts'
import type { CacheMessage } from '../../src/cache/message.ts'
import { alignRun } from '../../src/cache/run.ts'
import type { CacheShare } from '../../src/cache/share.ts'
import { KEYS, StressObjects, versionOf } from './stress-objects.ts'

export interface StressWorkerData {
  readonly share: CacheShare
  readonly objects: SharedArrayBuffer
  readonly worker: number
  readonly seed: number
  /** Nothing but what is quick: so that readers and reclaim meet as often as they can. */
  readonly churns: boolean
  /** One to each other worker, by its number. */
  readonly ports: readonly (MessagePort | undefined)[]
}

/** What a worker says when it is asked how it is. */
export interface StressReport {
  readonly stats: ReturnType<Cache['stats']>
  readonly tasks: number
  readonly operations: number
  readonly hits: number
  readonly pieces: number
}

type PeerMessage =
  | { readonly service: 'cache'; readonly message: CacheMessage }
  | { readonly service: 'open'; readonly id: number; readonly keyNo: number }
  | { readonly service: 'opened'; readonly id: number; readonly info: HeadInfo }

const BATCH = 200
const TASKS_MAX = 8
/** Objects that are overwritten all the time. */
const CHURNED_KEYS = 24

/** How a thread divides its time: up to which throw of the dice it does what. */
interface Habits {
  readonly lookup: number
  readonly release: number
  readonly putHead: number
  readonly held: number
}

const MIXED: Habits = { lookup: 0.86, release: 0.93, putHead: 0.97, held: 6 }
/** Holds pins until the segment would have been written over if it were not for them. */
const CHURNING: Habits = { lookup: 0.6, release: 0.601, putHead: 0.998, held: 3 }

/** One thread of a stress run: does everything that a cache can be asked for, in an order that its seed chooses. */
class StressWorker {
  readonly #data: StressWorkerData
  readonly #cache: Cache
  readonly #objects: StressObjects
  readonly #random: () => number
  readonly #habits: Habits
  /** What is pinned for a while: each checks its bytes again when it lets go. */
  readonly #held: (() => void)[] = []
  readonly #opening = new Map<number, (info: HeadInfo) => void>()
  #lastOpening = 0
  #tasks = 0
  #operations = 0
  #hits = 0
  #pieces = 0

  constructor(data: StressWorkerData) {
    this.#data = data
    this.#objects = new StressObjects(data.objects)
    this.#random = seededRandom(data.seed)
    this.#habits = data.churns ? CHURNING : MIXED
    this.#cache = new Cache({
      share: data.share,
      worker: data.worker,
      post: (worker, message) => this.#send(worker, { service: 'cache', message }),
      fetcher: (ask) => this.#fetcher(Number(ask)),
      verifyReads: this.#random() < 0.15 ? 'always' : 'first',
      fetchRunBytes: this.#random() < 0.5 ? 1024 * 1024 : 8 * 1024 * 1024,
      overflowBytesMax: 4 * 1024 * 1024,
    })
    for (const [worker, port] of data.ports.entries()) port?.on('message', (message: PeerMessage) => this.#receive(worker, message))
  }

  async run(): Promise<void> {
    while (!this.#objects.stopped) {
      for (let i = 0; i < BATCH; i++) this.#operate()
      await turn()
    }
    for (const release of this.#held.splice(0)) release()
  }

  report(): StressReport {
    for (const release of this.#held.splice(0)) release()
    const counts = { tasks: this.#tasks, operations: this.#operations, hits: this.#hits, pieces: this.#pieces }
    return { stats: this.#cache.stats(), ...counts }
  }

  async close(): Promise<void> {
    await this.#cache.close()
    for (const port of this.#data.ports) port?.close()
  }

  #operate(): void {
    this.#operations++
    const { lookup, release, putHead } = this.#habits
    const keyNo = this.#data.churns ? this.#pick(CHURNED_KEYS) : Math.floor(this.#random() ** 3 * KEYS)
    const dice = this.#random()
    if (dice < lookup) this.#lookup(keyNo)
    else if (dice < release) this.#held.splice(this.#pick(this.#held.length), 1)[0]?.()
    else if (dice < putHead) this.#putHead(keyNo)
    else if (this.#tasks < TASKS_MAX) this.#begin(keyNo)
  }

  #begin(keyNo: number): void {
    const dice = this.#random()
    if (dice < 0.66) void this.#task(this.#read(keyNo))
    else if (dice < 0.86) void this.#task(this.#writeThrough(keyNo))
    else if (dice < 0.93) this.#objects.overwrite(keyNo)
    else void this.#task(Promise.resolve(this.#cache.invalidate(this.#objects.keyOf(keyNo))))
  }

  #lookup(keyNo: number): void {
    const oldestAllowed = this.#objects.oldestAllowed(keyNo)
    const head = this.#cache.lookupHead(this.#objects.keyOf(keyNo))
    if (head === undefined) return
    this.#hits++
    const version = this.#objects.check(keyNo, head)
    assert.ok(version >= oldestAllowed, `${head.key}: version ${version} was found after a write of ${oldestAllowed} was answered`)
    this.#hold(() => {
      this.#objects.check(keyNo, head)
      head.release()
    })
  }

  #hold(release: () => void): void {
    if (this.#random() < 0.7 || this.#held.length >= this.#habits.held) release()
    else this.#held.push(release)
  }

  #putHead(keyNo: number): void {
    const key = this.#objects.keyOf(keyNo)
    if (this.#cache.ownerOf(key) !== this.#data.worker) return
    const generation = this.#cache.generation(key)
    if (this.#data.churns) this.#objects.overwrite(keyNo)
    this.#cache.putHead(this.#objects.info(keyNo, this.#objects.current(keyNo), this.#random() < 0.5 ? 0 : 1), generation)
  }

  async #writeThrough(keyNo: number): Promise<void> {
    const key = this.#objects.keyOf(keyNo)
    await this.#cache.invalidate(key)
    const version = this.#objects.overwrite(keyNo)
    await this.#cache.invalidate(key)
    this.#objects.forbidBefore(keyNo, version)
  }

  async #read(keyNo: number): Promise<void> {
    const key = this.#objects.keyOf(keyNo)
    const generation = this.#cache.generation(key)
    const head = this.#cache.lookupHead(key)
    const info: HeadInfo = head === undefined ? await this.#open(keyNo) : { ...this.#objects.info(keyNo, versionOf(head), 0) }
    head?.release()
    const start = this.#random() < 0.5 ? 0 : this.#pick(info.sizeBytes)
    const end = this.#random() < 0.5 ? info.sizeBytes : Math.min(info.sizeBytes, start + 1 + this.#pick(info.sizeBytes - start))
    const own = head === undefined
    await this.#consume(keyNo, info, { start, end, generation, own })
  }

  async #consume(
    keyNo: number,
    info: HeadInfo,
    how: { readonly start: number; readonly end: number; readonly generation: number; readonly own: boolean },
  ): Promise<void> {
    const { start, end, generation, own } = how
    const version = versionOf(info)
    const reader = this.#cache.openReader(info, start, end, { ask: keyNo, generation, own })
    const leaveAt = this.#random() < 0.2 ? start + this.#pick(end - start) : Infinity
    try {
      let at = start
      for (let piece = await reader.next(); piece !== undefined; piece = reader.nextNow() ?? (await reader.next())) {
        this.#pieces++
        this.#objects.checkBytes(keyNo, version, at, piece.bytes)
        this.#holdPiece(keyNo, version, at, piece)
        at += piece.bytes.length
        if (at >= leaveAt) return
        if (this.#random() < 0.1) await turn()
      }
      assert.equal(at, end, 'a reader gives its whole range')
    } finally {
      reader.close()
    }
  }

  #holdPiece(keyNo: number, version: number, at: number, piece: Piece): void {
    this.#hold(() => {
      this.#objects.checkBytes(keyNo, version, at, piece.bytes)
      piece.release()
    })
  }

  /** What the gateway does with an absent object: its owner asks the origin. */
  #open(keyNo: number): Promise<HeadInfo> | HeadInfo {
    const owner = this.#cache.ownerOf(this.#objects.keyOf(keyNo))
    if (owner === this.#data.worker) return this.#adopt(keyNo)
    const id = ++this.#lastOpening
    return new Promise((resolve) => {
      this.#opening.set(id, resolve)
      this.#send(owner, { service: 'open', id, keyNo })
    })
  }

  #adopt(keyNo: number): HeadInfo {
    const generation = this.#cache.generation(this.#objects.keyOf(keyNo))
    const info = this.#objects.info(keyNo, this.#objects.current(keyNo), 0)
    const end = Math.min(alignRun(0, undefined).end, info.sizeBytes)
    this.#cache.adopt({ info, start: 0, end, body: this.#body(keyNo, versionOf(info), 0, end), generation, ask: keyNo })
    return info
  }

  #fetcher(keyNo: number): FetchRange {
    return async (version, start, end) => {
      if (this.#random() < 0.5) await turn()
      const wanted = versionOf(version)
      if (this.#objects.current(keyNo) !== wanted) throw new VersionGone(`${version.key} ${version.etag}`)
      return this.#body(keyNo, wanted, start, end)
    }
  }

  #body(keyNo: number, version: number, start: number, end: number): ByteSource {
    const bytes = this.#objects.bytes(keyNo, version, start, end)
    const chunkBytes = 20_000 + this.#pick(500_000)
    const breaksAt = this.#random() < 0.02 ? this.#pick(bytes.length + 1) : Infinity
    let at = 0
    return {
      length: this.#random() < 0.5 ? bytes.length : undefined,
      read: async () => {
        if (this.#random() < 0.3) await turn()
        if (at >= breaksAt) throw new Error('broken')
        const chunk = bytes.subarray(at, Math.min(at + chunkBytes, breaksAt))
        at += chunk.length
        return chunk.length === 0 ? undefined : chunk
      },
      cancel: () => undefined,
    }
  }

  /** Objects that move on and bodies that break off are part of it. */
  async #task(work: Promise<void>): Promise<void> {
    this.#tasks++
    try {
      await work
    } catch (error) {
      if (!(error instanceof VersionGone) && !(error instanceof Error && error.message === 'broken')) throw error
    } finally {
      this.#tasks--
    }
  }

  #receive(from: number, message: PeerMessage): void {
    if (message.service === 'cache') this.#cache.receive(from, message.message)
    else if (message.service === 'open') this.#send(from, { service: 'opened', id: message.id, info: this.#adopt(message.keyNo) })
    else {
      this.#opening.get(message.id)?.(message.info)
      this.#opening.delete(message.id)
    }
  }

  #send(worker: number, message: PeerMessage): void {
    const port = this.#data.ports[worker]
    assert.ok(port !== undefined, 'workers post to others')
    port.postMessage(message)
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below)
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

const port = parentPort
assert.ok(port !== null, 'stress-worker.ts runs in a thread')
const worker = new StressWorker(workerData as StressWorkerData)
port.on('message', (question: 'report' | 'close') => {
  if (question === 'report') port.postMessage(worker.report())
  else void worker.close().then(() => port.close())
})
await worker.run()

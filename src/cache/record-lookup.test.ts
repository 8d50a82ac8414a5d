import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { bodyOf, etagOf } from './record.ts'
import { RecordFinder, type FoundRecord } from './record-finder.ts'
import { RecordStore } from './record-store.ts'
import { S3Fifo } from './s3-fifo.ts'
import { SegmentPool } from './segment-pool.ts'
import { createCacheShare } from './share.ts'
import { headOf } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024
const KEYS = 12
const LOOKUPS = 400

interface Held {
  readonly keyNo: number
  readonly found: FoundRecord
  readonly version: string
}

/**
 * An owner and a reader of one cache in one thread, each of which does something whenever the other is between two steps of the
 * protocol: what two threads do by luck, every time. The bytes of a record follow from its key and version.
 */
class Interleaving {
  readonly #random: () => number
  readonly #store: RecordStore
  readonly #reader: RecordFinder
  readonly #held: Held[] = []
  #version = 0
  #depth = 0
  overtaken = 0
  found = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    const share = createCacheShare({ memoryBytes: 8 * MiB, workers: 2, owners: 1, random: this.#random })
    const owner = new RecordFinder(share, 0, 'first')
    this.#store = new RecordStore(owner, { owner: 0, pool: new SegmentPool(share), policy: new S3Fifo(share.layout) })
    this.#reader = new RecordFinder(share, 1, 'first')
    this.#reader.onCorrupt = () => assert.fail('a reader takes foreign bytes for a record')
    this.#between(this.#reader.arena, 'pin', () => this.#overtake())
    this.#between(owner.arena, 'isPinned', () => this.lookUp())
  }

  /** Does `what` before and after each call of a method, but not within itself. */
  #between(arena: RecordFinder['arena'], method: 'pin' | 'isPinned', what: () => void): void {
    const step = arena[method].bind(arena) as (segment: number) => boolean
    const wrapped = (segment: number): boolean => {
      this.#nested(what)
      const result = step(segment)
      this.#nested(what)
      return result
    }
    Object.assign(arena, { [method]: wrapped })
  }

  #nested(what: () => void): void {
    if (this.#depth > 0 || this.#random() < 0.6) return
    this.#depth++
    what()
    this.#depth--
  }

  /** The owner goes on for a while: a few records empty a segment, more of them write over it. */
  #overtake(): void {
    this.overtaken++
    for (let inserts = 1 + this.#pick(4); inserts > 0; inserts--) this.insert()
  }

  insert(): void {
    const keyNo = this.#pick(KEYS)
    const version = `"${this.#version++}"`
    const sizeBytes = 150_000 + this.#pick(150_000)
    this.#store.insertHead(headOf(keyOf(keyNo), version, sizeBytes), Buffer.alloc(sizeBytes, contentOf(keyNo, version)))
  }

  lookUp(): void {
    const keyNo = this.#pick(KEYS)
    const found = this.#reader.findHead(keyOf(keyNo), true)
    if (found === undefined) return
    this.found++
    const held = { keyNo, found, version: etagOf(found.view, found.offset) }
    this.#check(held)
    if (this.#random() < 0.5 || this.#held.length >= 3) this.#reader.unpin(found.segment)
    else this.#held.push(held)
  }

  /** What was held all the time is what it was when it was found. */
  release(): void {
    for (const held of this.#held.splice(0)) {
      this.#check(held)
      this.#reader.unpin(held.found.segment)
    }
  }

  get pins(): number {
    return this.#reader.arena.pinCount()
  }

  #check({ keyNo, found, version }: Held): void {
    const content = contentOf(keyNo, version)
    assert.equal(etagOf(found.view, found.offset), version)
    const body = bodyOf(found.view, found.offset)
    assert.ok(body?.equals(Buffer.alloc(body.length, content)), `bytes of ${keyOf(keyNo)} ${version}`)
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below)
  }
}

function keyOf(keyNo: number): string {
  return `bucket/object-${keyNo}`
}

function contentOf(keyNo: number, version: string): string {
  return `${keyNo}:${version};`
}

test('whoever is overtaken between any two steps of the protocol, the reader has whole records of its key', () => {
  const first = Math.floor(Math.random() * 1e9)
  for (let seed = first; seed < first + 3; seed++) {
    try {
      const world = new Interleaving(seed)
      for (let i = 0; i < 40; i++) world.insert()
      for (let i = 0; i < LOOKUPS; i++) {
        world.lookUp()
        world.insert()
        if (i % 8 === 0) world.release()
      }
      world.release()
      assert.equal(world.pins, 0)
      assert.ok(world.found > 100 && world.overtaken > 50, `${world.found} found, ${world.overtaken} times overtaken`)
    } catch (error) {
      throw new Error(`Failed with seed ${seed}`, { cause: error })
    }
  }
})

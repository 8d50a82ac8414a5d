import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'
import { seededRandom } from '../../src/base/random.ts'
import { bodyOf } from '../../src/cache/disk/testing/disk-harness.ts'
import { diskUse } from '../support/disk-use.ts'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin } from '../support/memory-origin.ts'

const MIB = 1024 * 1024
const CAP_BYTES = 48 * MIB
const KEYS = 40
const CLIENTS = 6
const SIZES = [0, 700, 4096, 4096, 4096, 60_000, 300_000, MIB, 2 * MIB + 13] as const
const LOAD_MS_MIN = 150
const LOAD_MS_MAX = 900

export interface KillOptions {
  readonly seed: number
  readonly count: number
  /** Of the disk cache; kept over all restarts. */
  readonly directory: string
  readonly onRound?: (round: number, summary: KillSummary) => void
}

export interface KillSummary {
  kills: number
  /** Reads that were compared, under load and right after a restart. */
  reads: number
  readsAfterRestart: number
  /** Of the latter, those that the disk answered. */
  diskHits: number
  writes: number
  /** Reads under load of a version that was overwritten meanwhile. */
  brokenOff: number
  /** The most that the directory took, as the file system counts. */
  diskBytesMax: number
  slowestStartMs: number
}

/**
 * Kills a hotbucket with a disk cache at random moments under reads, overwrites and deletes, starts it again, and compares every byte
 * that it serves with the origin's. In immutable mode: what was served once too long would be served for ever.
 */
export async function killRestarts(options: KillOptions): Promise<KillSummary> {
  const origin = new MemoryOrigin()
  const url = await origin.start()
  const run = new KillRun(options, origin)
  try {
    for (let round = 0; round < options.count; round++) {
      await run.round(url)
      options.onRound?.(round, run.summary)
    }
    await run.last(url)
    return run.summary
  } finally {
    await origin.stop()
  }
}

class KillRun {
  readonly summary: KillSummary = {
    kills: 0,
    reads: 0,
    readsAfterRestart: 0,
    diskHits: 0,
    writes: 0,
    brokenOff: 0,
    diskBytesMax: 0,
    slowestStartMs: 0,
  }
  readonly #random: () => number
  readonly #origin: MemoryOrigin
  readonly #directory: string
  #nextBody: number
  /** Requests that the origin has and did not answer yet. */
  #atOrigin = 0

  constructor({ seed, directory }: KillOptions, origin: MemoryOrigin) {
    this.#random = seededRandom(seed)
    this.#nextBody = seed
    this.#directory = directory
    this.#origin = origin
    for (let key = 0; key < KEYS; key++) origin.putBytes(pathOf(key), this.#newBody())
    origin.beforeAnswer = async (seen) => {
      this.#atOrigin += seen.method === 'PUT' || seen.method === 'DELETE' ? 1 : 0
      for (let turns = this.#below(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async round(url: string): Promise<void> {
    const hotbucket = await this.#start(url)
    const agent = new Agent({ connections: CLIENTS })
    const state = { isKilled: false }
    try {
      await this.#compareAll(hotbucket, agent)
      const clients = Array.from({ length: CLIENTS }, async () => this.#load(hotbucket, agent, state))
      const untilMs = performance.now() + LOAD_MS_MIN + this.#below(LOAD_MS_MAX - LOAD_MS_MIN)
      while (performance.now() < untilMs) {
        await this.#measure()
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ...clients])
      }
      assert.ok(isRunning(hotbucket.pid), `it ended by itself: ${hotbucket.output().slice(-2000)}`)
      state.isKilled = true
      process.kill(hotbucket.pid, 'SIGKILL')
      await hotbucket.ended
      await Promise.all(clients)
      this.summary.kills++
      await this.#measure()
    } finally {
      // Where a comparison failed it still runs.
      if (!state.isKilled) process.kill(hotbucket.pid, 'SIGKILL')
      await agent.destroy()
    }
    await this.#originIsIdle()
  }

  /** After the last kill: it starts without help, and stops in order. */
  async last(url: string): Promise<void> {
    const hotbucket = await this.#start(url)
    const agent = new Agent({ connections: CLIENTS })
    await this.#compareAll(hotbucket, agent)
    await agent.close()
    assert.equal(await hotbucket.stop(), 0)
    await this.#measure()
  }

  async #start(url: string): Promise<HotbucketProcess> {
    const beganMs = performance.now()
    const disk = ['--disk', this.#directory, '--disk-max', String(CAP_BYTES)]
    const hotbucket = await startHotbucket(
      ['--origin', url, '--anonymous', '--memory', '32MiB', '--workers', '2', '--mode', 'immutable', '--no-request-log', ...disk],
      { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' },
    )
    this.summary.slowestStartMs = Math.max(this.summary.slowestStartMs, performance.now() - beganMs)
    return hotbucket
  }

  /** Nobody writes now: what is served is what the origin has. */
  async #compareAll({ endpoint }: HotbucketProcess, agent: Agent): Promise<void> {
    for (let key = 0; key < KEYS; key++) {
      const path = pathOf(key)
      const object = this.#origin.objects.get(path)
      const answer = await request(`${endpoint}${path}`, { dispatcher: agent })
      const bytes = Buffer.from(await answer.body.arrayBuffer())
      this.summary.readsAfterRestart++
      if (answer.headers['cache-status'] === 'hotbucket; hit; detail=disk') this.summary.diskHits++
      if (object === undefined) assert.equal(answer.statusCode, 404, `${path} was deleted before the kill`)
      else {
        assert.equal(answer.statusCode, 200, path)
        assert.equal(answer.headers['etag'], object.etag, `${path} is the version that the origin has`)
        assert.ok(bytes.equals(object.read(0, object.sizeBytes)), `${path} has the bytes that the origin has`)
      }
    }
  }

  async #load({ endpoint }: HotbucketProcess, agent: Agent, state: { isKilled: boolean }): Promise<void> {
    while (!state.isKilled) {
      const path = pathOf(this.#below(KEYS))
      try {
        const dice = this.#random()
        if (dice < 0.2) await this.#write(endpoint, path, agent)
        else await this.#read(endpoint, path, agent)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        // Killed under it; or a version that was overwritten while it was read, and broke off.
        if (!state.isKilled) this.summary.brokenOff++
      }
    }
  }

  async #write(endpoint: string, path: string, dispatcher: Agent): Promise<void> {
    const isDelete = this.#random() < 0.2
    const answer = isDelete
      ? await request(`${endpoint}${path}`, { method: 'DELETE', dispatcher })
      : await request(`${endpoint}${path}`, { method: 'PUT', body: this.#newBody(), dispatcher })
    await answer.body.dump()
    assert.ok(answer.statusCode < 300, `${isDelete ? 'DELETE' : 'PUT'} ${path}: ${answer.statusCode}`)
    this.summary.writes++
  }

  /** Others write meanwhile, so any version will do; but its bytes must be its own. */
  async #read(endpoint: string, path: string, dispatcher: Agent): Promise<void> {
    const answer = await request(`${endpoint}${path}`, { dispatcher })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    if (answer.statusCode === 404) return
    assert.equal(answer.statusCode, 200, path)
    assert.equal(answer.headers['etag'], etagOf(bytes), `the ETag of ${path} belongs to its bytes`)
    this.summary.reads++
  }

  #newBody(): Buffer {
    return bodyOf(this.#nextBody++, SIZES[this.#below(SIZES.length)] ?? 0)
  }

  /** A write that was cut may still be carried out: the next comparison must not meet it on its way. */
  async #originIsIdle(): Promise<void> {
    let quietTurns = 0
    for (let last = this.#atOrigin; quietTurns < 20; last = this.#atOrigin) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      quietTurns = last === this.#atOrigin ? quietTurns + 1 : 0
    }
  }

  async #measure(): Promise<void> {
    const bytes = await diskUse(this.#directory)
    this.summary.diskBytesMax = Math.max(this.summary.diskBytesMax, bytes)
    assert.ok(bytes <= CAP_BYTES, `${bytes} bytes on disk: the cap is ${CAP_BYTES}`)
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function pathOf(key: number): string {
  return `/bucket/key-${key}`
}

/** What the origin calls these bytes. */
function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}

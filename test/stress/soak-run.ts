import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'
import { seededRandom } from '../../src/base/random.ts'
import { bodyOf } from '../../src/cache/disk/testing/disk-harness.ts'
import { diskUse } from '../support/disk-use.ts'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin } from '../support/memory-origin.ts'

const MIB = 1024 * 1024
const CAP_BYTES = 128 * MIB
const KEYS = 250
const CLIENTS = 8
const SIZES = [0, 700, 4096, 4096, 4096, 60_000, 300_000, MIB, 3 * MIB + 13] as const

/** A process lives so long at least before it is restarted; figures are taken at its end. */
const SESSION_MS = 60_000
const SAMPLE_MS = 2_000

/** A process may have so much more at its end than at its middle: more is a leak. */
const RSS_GROWTH_MAX = 48 * MIB
const DESCRIPTORS_GROWTH_MAX = 32

/** Gauges of held things: all zero when nobody asks for anything. */
const HELD = [
  'hotbucket_cache_pins',
  'hotbucket_cache_flights',
  'hotbucket_cache_fills_in_progress',
  'hotbucket_disk_pins',
  'hotbucket_disk_reads_in_progress',
  'hotbucket_http_requests_in_flight',
]

export interface SoakOptions {
  readonly seed: number
  readonly minutes: number
  readonly directory: string
  readonly say: (line: string) => void
}

/**
 * Lets clients read, overwrite and delete for a long time while the origin breaks off some of its answers, through a hotbucket with a
 * disk cache that is restarted every minute, by turns in order and by a kill. Every byte is compared with the version that its ETag names.
 * Throws where something is wrong, grows, or is still held when nobody asks any more.
 */
export async function soak(options: SoakOptions): Promise<void> {
  const origin = new MemoryOrigin()
  const url = await origin.start()
  const run = new SoakRun(options, origin)
  const untilMs = performance.now() + options.minutes * 60_000
  try {
    for (let session = 0; performance.now() < untilMs; session++) await run.session(url, session % 2 === 1, untilMs)
  } finally {
    await origin.stop()
  }
}

class SoakRun {
  readonly #options: SoakOptions
  readonly #random: () => number
  #nextBody: number
  #reads = 0
  #writes = 0
  #failures = 0

  constructor(options: SoakOptions, origin: MemoryOrigin) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    this.#nextBody = options.seed
    for (let key = 0; key < KEYS; key++) origin.putBytes(pathOf(key), this.#newBody())
    origin.beforePiece = () => {
      if (this.#random() < 0.001) throw new Error('the origin breaks off')
    }
  }

  async session(url: string, kills: boolean, untilMs: number): Promise<void> {
    const disk = ['--disk', this.#options.directory, '--disk-max', String(CAP_BYTES)]
    const hotbucket = await startHotbucket(
      ['--origin', url, '--anonymous', '--memory', '48MiB', '--workers', '2', '--mode', 'immutable', '--no-request-log', ...disk],
      { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' },
    )
    const agent = new Agent({ connections: CLIENTS })
    const state = { isOver: false }
    const clients = Array.from({ length: CLIENTS }, async () => this.#load(hotbucket, agent, state))
    try {
      await Promise.race([this.#watch(hotbucket, Math.min(untilMs, performance.now() + SESSION_MS)), failureOf(clients)])
      if (kills) process.kill(hotbucket.pid, 'SIGKILL')
      state.isOver = true
      await Promise.all(clients)
      if (kills) await hotbucket.ended
      else await this.#assertIdle(hotbucket)
      if (!kills) assert.equal(await hotbucket.stop(), 0)
    } finally {
      state.isOver = true
      await agent.destroy()
      await hotbucket.stop()
    }
  }

  async #watch(hotbucket: HotbucketProcess, untilMs: number): Promise<void> {
    const samples: { readonly rssBytes: number; readonly descriptors: number }[] = []
    while (performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
      samples.push({ rssBytes: await hotbucket.rssBytes(), descriptors: await metric(hotbucket, 'hotbucket_process_open_fds') })
      const bytes = await diskUse(this.#options.directory)
      assert.ok(bytes <= CAP_BYTES, `${bytes} bytes on disk: the cap is ${CAP_BYTES}`)
    }
    const middle = samples[samples.length >> 1]
    const last = samples.at(-1)
    if (middle === undefined || last === undefined) return
    const facts = `${this.#reads} reads, ${this.#writes} writes, ${this.#failures} answers broken off`
    this.#options.say(`${facts}; RSS ${Math.round(last.rssBytes / MIB)} MiB, ${last.descriptors} descriptors`)
    // The first minute of a process is its warm-up where it has no more: only long sessions are judged.
    if (samples.length * SAMPLE_MS < SESSION_MS / 2) return
    assert.ok(last.rssBytes - middle.rssBytes < RSS_GROWTH_MAX, `RSS grew from ${middle.rssBytes} to ${last.rssBytes}`)
    assert.ok(
      last.descriptors - middle.descriptors < DESCRIPTORS_GROWTH_MAX,
      `descriptors grew from ${middle.descriptors} to ${last.descriptors}`,
    )
  }

  async #assertIdle(hotbucket: HotbucketProcess): Promise<void> {
    // Gauges are published once a second.
    for (let attempt = 0; ; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
      const held = await Promise.all(HELD.map(async (name) => metric(hotbucket, name)))
      if (held.every((value) => value === 0)) return
      assert.ok(attempt < 10, `still held: ${HELD.map((name, i) => `${name} ${held[i]}`).join(', ')}`)
    }
  }

  async #load({ endpoint }: HotbucketProcess, dispatcher: Agent, state: { readonly isOver: boolean }): Promise<void> {
    while (!state.isOver) {
      const path = pathOf(Math.floor(this.#random() ** 2 * KEYS))
      try {
        if (this.#random() < 0.05) await this.#write(endpoint, path, dispatcher)
        else await this.#read(endpoint, path, dispatcher)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        this.#failures++
      }
    }
  }

  async #write(endpoint: string, path: string, dispatcher: Agent): Promise<void> {
    const method = this.#random() < 0.1 ? 'DELETE' : 'PUT'
    const body = method === 'PUT' ? this.#newBody() : null
    const answer = await request(`${endpoint}${path}`, { method, body, dispatcher })
    await answer.body.dump()
    this.#writes++
  }

  async #read(endpoint: string, path: string, dispatcher: Agent): Promise<void> {
    const answer = await request(`${endpoint}${path}`, { dispatcher })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    if (answer.statusCode !== 200) return
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    assert.equal(answer.headers['etag'], etag, `the ETag of ${path} belongs to its bytes`)
    this.#reads++
  }

  #newBody(): Buffer {
    return bodyOf(this.#nextBody++, SIZES[Math.floor(this.#random() * SIZES.length)] ?? 0)
  }
}

function pathOf(key: number): string {
  return `/bucket/key-${key}`
}

async function metric({ admin }: HotbucketProcess, name: string): Promise<number> {
  const text = await (await request(`${admin}/metrics`)).body.text()
  const values = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Never resolves; rejects with the first failure. */
async function failureOf(clients: readonly Promise<void>[]): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const client of clients) client.catch(reject)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { seededRandom } from '../../src/base/random.ts'
import type { Consistency } from '../../src/config/config.ts'
import { startInProcess, type InProcessProxy } from '../support/in-process-proxy.ts'
import { patternBytes } from '../support/memory-origin.ts'
import { ScriptedOrigin, type OriginVersion } from '../support/scripted-origin.ts'

/** How many interleavings; more by `HOTBUCKET_INTERLEAVINGS=100000 node --test test/e2e/overwrite.test.ts`. */
const INTERLEAVINGS = Number(process.env['HOTBUCKET_INTERLEAVINGS'] ?? 1000)
const FIRST_SEED = Number(process.env['HOTBUCKET_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const OPERATIONS = 14
const TTL_MS = 1000
const MIB = 1024 * 1024
const SIZES = [0, 1, 1000, 70_000, 200_000] as const
const LARGE_SIZES = [MIB, MIB + 1, 2 * MIB + 77] as const

const MODES: readonly Consistency[] = [
  { kind: 'strict' },
  { kind: 'ttl', ttlMs: TTL_MS, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 },
  { kind: 'immutable' },
]

const WORKERS = [1, 3] as const

/** What a reader was promised when it started. */
interface Promised {
  /** The oldest version number that may still be shown; undefined: a delete may be shown too. */
  readonly floor: number
}

/** One key's history as its writers know it. */
class History {
  readonly versions = new Map<number, OriginVersion>()
  /** Highest number whose visibility is promised to reads that start now. */
  floor = 0
  /** Behind-the-back writes whose bound has not run out: [number, when it does]. */
  pending: { number: number; dueMs: number }[] = []

  settle(nowMs: number): void {
    for (const { number, dueMs } of this.pending) if (dueMs <= nowMs) this.floor = Math.max(this.floor, number)
    this.pending = this.pending.filter(({ dueMs }) => dueMs > nowMs)
  }
}

class Interleaving {
  readonly #random: () => number
  readonly #proxy: InProcessProxy
  readonly #origin: ScriptedOrigin
  readonly #mode: Consistency
  readonly #history = new History()
  readonly #key: string
  readonly #agent: Agent

  constructor(parts: {
    random: () => number
    proxy: InProcessProxy
    origin: ScriptedOrigin
    mode: Consistency
    key: string
    agent: Agent
  }) {
    this.#random = parts.random
    this.#proxy = parts.proxy
    this.#origin = parts.origin
    this.#mode = parts.mode
    this.#key = parts.key
    this.#agent = parts.agent
  }

  async run(): Promise<void> {
    this.#record(this.#origin.put(this.#key, this.#size()), 0)
    const running: Promise<void>[] = []
    for (let step = 0; step < OPERATIONS; step++) {
      running.push(this.#operation())
      const pause = Math.floor(this.#random() * 6)
      for (let i = 0; i < pause; i++) await turnOfTheLoop()
    }
    await Promise.all(running)
  }

  async #operation(): Promise<void> {
    const dice = this.#random()
    if (dice < 0.35) return this.#read(undefined)
    if (dice < 0.6) return this.#read(this.#range())
    if (dice < 0.78) return this.#overwriteThrough()
    if (dice < 0.9) return this.#overwriteBehind()
    if (dice < 0.95) return this.#deleteThrough()
    this.#proxy.clock.advance(TTL_MS / 2)
  }

  #size(): number {
    const sizes: readonly number[] = this.#random() < 0.12 ? LARGE_SIZES : SIZES
    return sizes[Math.floor(this.#random() * sizes.length)] ?? 1
  }

  #range(): string {
    const start = Math.floor(this.#random() * 1500)
    const dice = this.#random()
    if (dice < 0.3) return `bytes=${start}-`
    if (dice < 0.5) return `bytes=-${start + 1}`
    return `bytes=${start}-${start + Math.floor(this.#random() * 100_000)}`
  }

  #record(version: OriginVersion, dueMs: number): void {
    this.#history.versions.set(version.number, version)
    this.#history.pending.push({ number: version.number, dueMs })
  }

  #overwriteBehind(): void {
    const version = this.#origin.put(this.#key, this.#size())
    const nowMs = this.#proxy.clock.nowMs()
    const bound = { strict: 0, ttl: TTL_MS, immutable: Number.POSITIVE_INFINITY }[this.#mode.kind]
    this.#record(version, nowMs + bound)
  }

  async #overwriteThrough(): Promise<void> {
    const body = String(this.#size())
    const response = await request(this.#url(), { method: 'PUT', body, dispatcher: this.#agent })
    await response.body.dump()
    assert.equal(response.statusCode, 200)
    const number = Number(/v(\d+)/.exec(String(response.headers['etag']))?.[1])
    this.#history.versions.set(number, { number, etag: `"v${number}"`, sizeBytes: Number(body) })
    this.#history.floor = Math.max(this.#history.floor, number)
  }

  async #deleteThrough(): Promise<void> {
    const response = await request(this.#url(), { method: 'DELETE', dispatcher: this.#agent })
    await response.body.dump()
    assert.equal(response.statusCode, 204)
  }

  #url(): string {
    const { endpoints } = this.#proxy
    return `${endpoints[Math.floor(this.#random() * endpoints.length)] ?? ''}/bucket/${this.#key}`
  }

  async #read(range: string | undefined): Promise<void> {
    this.#history.settle(this.#proxy.clock.nowMs())
    const promised: Promised = { floor: this.#history.floor }
    const response = await request(this.#url(), { dispatcher: this.#agent, ...(range === undefined ? {} : { headers: { range } }) })
    const bytes = await response.body.arrayBuffer().then(
      (buffer) => new Uint8Array(buffer),
      () => undefined, // cut: allowed, the client can see it
    )
    if (bytes === undefined) return
    const { statusCode } = response
    if (statusCode === 404) return
    // The version went away under the read more often than it may start over: an honest error.
    if (statusCode === 502 || statusCode === 416) return
    const number = Number(/v(\d+)/.exec(String(response.headers['etag']))?.[1])
    const version = this.#origin.objects.get(this.#key)?.number === number ? this.#origin.objects.get(this.#key) : undefined
    const sizeBytes = this.#sizeFrom(response.headers, statusCode, bytes.length, version)
    const start = statusCode === 206 ? Number(/bytes (\d+)-/.exec(String(response.headers['content-range']))?.[1]) : 0
    assert.ok(number >= promised.floor, `saw version ${number}, promised at least ${promised.floor}`)
    assert.deepEqual(
      Buffer.compare(bytes, patternBytes(number, start, start + bytes.length)),
      0,
      `bytes of version ${number} from ${start}`,
    )
    if (statusCode === 200) assert.equal(bytes.length, sizeBytes)
  }

  #sizeFrom(headers: Record<string, unknown>, statusCode: number, length: number, version: OriginVersion | undefined): number {
    if (version !== undefined && statusCode === 200) return version.sizeBytes
    return statusCode === 200 ? Number(headers['content-length']) : length
  }
}

async function turnOfTheLoop(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}

const ROUNDS = Math.ceil(INTERLEAVINGS / (MODES.length * WORKERS.length))

for (const [mode, workers] of MODES.flatMap((mode) => WORKERS.map((workers) => [mode, workers] as const))) {
  test(`${ROUNDS} interleavings of reads, ranged reads, overwrites and deletes in ${mode.kind} mode over ${workers} workers never mix versions and keep their promise`, async () => {
    let random = seededRandom(FIRST_SEED)
    const origin = new ScriptedOrigin(async () => {
      const turns = Math.floor(random() * 4)
      for (let i = 0; i < turns; i++) await turnOfTheLoop()
    })
    const proxy = await startInProcess({ origin, mode, memoryBytes: workers * 16 * MIB, workers })
    const agent = new Agent({ connections: 16 })
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const seed = (FIRST_SEED + round) >>> 0
        random = seededRandom(seed)
        const interleaving = new Interleaving({ random, proxy, origin, mode, key: `key-${round}`, agent })
        await interleaving.run().catch((error: unknown) => {
          throw new Error(
            `mode ${mode.kind}, ${workers} workers, HOTBUCKET_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`,
            {
              cause: error,
            },
          )
        })
      }
    } finally {
      await agent.close()
      await proxy.close()
    }
    assert.deepEqual(proxy.held(), { pins: 0, flights: 0, fillsInProgress: 0 })
  })
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { type Action, type ActionArgs, type Answer, type Client, type Session, saysNotFound } from '../client.ts'
import { type Specimen, difference } from '../corpus.ts'
import type { ReferenceClient } from '../reference-client.ts'

/** The columns of the result. */
export const COLUMNS = [
  'ls',
  'head',
  'get',
  'warm',
  'range',
  'multi',
  'if',
  'presign',
  'put',
  'multipart',
  'overwrite',
  'copy',
  'rm',
  'rm-many',
] as const
export type Column = (typeof COLUMNS)[number] | 'process'

export interface Check {
  readonly column: Column
  /** What was tried, the same words direct and through hotbucket. */
  readonly label: string
  readonly outcome: 'pass' | 'fail' | 'unsupported'
  /** Why it failed, or why the client cannot. */
  readonly detail: string
}

export interface CheckContext {
  readonly client: Client
  readonly session: Session
  readonly bucket: string
  /** Reads and writes past hotbucket. */
  readonly direct: ReferenceClient
  /** Reads through hotbucket; undefined in a direct run. */
  readonly through: ReferenceClient | undefined
  /** What the origin has sent to hotbucket so far; undefined where nobody counts. */
  readonly bytesFromOrigin: (() => number) | undefined
  readonly workDirectory: string
  /** Only what tells most. */
  readonly brief: boolean
  readonly caFile: string | undefined
}

/** Labels of the checks of a brief run: some sizes, some keys, one of each other kind. */
const BRIEF =
  /^(4 KiB|1 MiB\+1|5 MiB|spaces|plus|unicode|%2F|whole bucket|GET (4 KiB|plus)|PUT|same size|by parts|16 MiB\+1 in parts|\d+ keys|If-.*|1 MiB\+1, .*|20 MiB, (cold|warm))$/

/** Bodies below this are too small to tell from heads in the count of the origin's bytes. */
const COUNTED_BODY_BYTES_MIN = 1024 * 1024
/** What the heads, lists and probes of one client's read may cost at the origin. */
const WARM_ORIGIN_BYTES_MAX = 192 * 1024

/** The checks of one client in one mode, and the steps that they are made of. */
export class Checks {
  readonly results: Check[] = []
  readonly context: CheckContext
  #files = 0

  constructor(context: CheckContext) {
    this.context = context
  }

  /** Runs one check. `action` and `args` say what the client must be able to do for it. */
  async check(
    column: Column,
    label: string,
    needs: { readonly action: Action; readonly args: ActionArgs },
    body: () => Promise<void>,
  ): Promise<void> {
    if (this.context.brief && !BRIEF.test(label)) return
    const limit = this.context.client.limit(needs.action, needs.args)
    if (limit !== undefined) {
      this.results.push({ column, label, outcome: 'unsupported', detail: limit })
      return
    }
    try {
      await body()
      this.results.push({ column, label, outcome: 'pass', detail: '' })
    } catch (error) {
      this.results.push({ column, label, outcome: 'fail', detail: error instanceof Error ? error.message : String(error) })
    }
  }

  args(more: Omit<ActionArgs, 'bucket'>): ActionArgs {
    return { bucket: this.context.bucket, ...more }
  }

  newFile(): string {
    this.#files++
    return join(this.context.workDirectory, `file-${this.#files}`)
  }

  /** The client reads; its file must hold `expected`. */
  async read(action: Action, more: Omit<ActionArgs, 'bucket' | 'file'>, expected: Buffer): Promise<Answer> {
    const file = this.newFile()
    const answer = await this.context.session.act(action, this.args({ ...more, file }))
    const wrong = difference(await readFile(file), expected)
    await rm(file, { force: true })
    if (wrong !== undefined) throw new Error(`${action} "${more.key}" gave wrong bytes: ${wrong}`)
    return answer
  }

  /** A read of bytes that were read before: equal again, said to be a hit where one can see it, and free of cost at the origin. */
  async readWarm(action: Action, more: Omit<ActionArgs, 'bucket' | 'file'>, expected: Buffer): Promise<Answer> {
    const before = this.context.bytesFromOrigin?.() ?? 0
    const answer = await this.read(action, more, expected)
    const cost = (this.context.bytesFromOrigin?.() ?? 0) - before
    if (expected.length >= COUNTED_BODY_BYTES_MIN && cost > WARM_ORIGIN_BYTES_MAX) {
      throw new Error(`warm ${action} of "${more.key}" (${expected.length} bytes) made the origin send ${cost} bytes`)
    }
    this.expectHit(answer, `warm ${action} of "${more.key}"`)
    return answer
  }

  expectHit(answer: Answer, what: string): void {
    if (this.context.through === undefined) return
    const misses = (answer.cacheStatus ?? []).filter((status) => !/^hotbucket;\s*hit(\s*;|$)/.test(status))
    if (misses.length > 0) throw new Error(`${what} was not a hit; Cache-Status: ${misses.map((status) => `"${status}"`).join(', ')}`)
  }

  /** Writes `body` to a file and lets the client store it. */
  async write(action: 'put' | 'multipart', key: string, body: Buffer): Promise<void> {
    const file = this.newFile()
    await writeFile(file, body)
    await this.context.session.act(action, this.args({ key, file, sizeBytes: body.length }))
    await rm(file, { force: true })
  }

  /** The object is there with these bytes: at the origin, and through hotbucket. */
  async expectStored(key: string, body: Buffer): Promise<void> {
    for (const [where, reference] of this.#references()) {
      const reply = await reference.get(this.context.bucket, key)
      if (reply.status !== 200) throw new Error(`"${key}" ${where}: status ${reply.status} ${reply.body.toString('utf8').slice(0, 200)}`)
      const wrong = difference(reply.body, body)
      if (wrong !== undefined) throw new Error(`"${key}" ${where}: ${wrong}`)
    }
  }

  /** Reads an object through hotbucket until it is a hit, so that a stale answer would show afterwards. */
  async warm({ key, body }: Specimen): Promise<void> {
    await this.expectStored(key, body)
    const reply = await this.context.through?.get(this.context.bucket, key)
    if (reply !== undefined) this.expectHit({ cacheStatus: [String(reply.headers['cache-status'])] }, `second read of "${key}"`)
  }

  async expectGone(key: string): Promise<void> {
    for (const [where, reference] of this.#references()) {
      const { status } = await reference.get(this.context.bucket, key)
      if (status !== 404) throw new Error(`deleted "${key}" ${where}: status ${status}, wanted 404`)
    }
  }

  /** The client itself says that there is no such object. */
  async expectNotFound(key: string): Promise<void> {
    const file = this.newFile()
    try {
      await this.context.session.act('get', this.args({ key, file }))
    } catch (error) {
      if (saysNotFound(error)) return
      throw error
    }
    // Some take a key that is not there for an empty folder, and are content to copy nothing.
    if (existsSync(file)) throw new Error(`get of deleted "${key}" succeeded`)
  }

  async seed(specimens: readonly Specimen[]): Promise<void> {
    const { direct, bucket } = this.context
    for (const { key, body } of specimens) {
      await direct.put(bucket, key, body, { 'content-type': 'application/x-hotbucket-test', 'x-amz-meta-made-by': 'test:clients' })
      const wrong = difference((await direct.get(bucket, key)).body, body)
      if (wrong !== undefined) throw new Error(`Cannot trust the origin with "${key}": ${wrong}`)
    }
  }

  #references(): (readonly [string, ReferenceClient])[] {
    const { direct, through } = this.context
    return through === undefined
      ? [['at the origin', direct]]
      : [
          ['at the origin', direct],
          ['through hotbucket', through],
        ]
  }
}

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { codeOf, syncPath, withFile, type DiskFiles } from './disk-files.ts'
import type { Liveness, ProcessIdentity, Processes } from './process-identity.ts'

/** A holder of which nothing else is known is dead when it did not touch its lock for so long. */
export const LEASE_MS = 10_000

/** How the last session with a directory ended. */
export type LastSession =
  /** There was none. */
  | 'none'
  /** Everything was synced. */
  | 'clean'
  /** The process ended, the machine went on: what it wrote is there. */
  | 'killed'
  /** The machine may have stopped, or the disk did not take an invalidation: what it wrote may be missing. */
  | 'lost'

/** What stands in a lock file. */
interface LockText {
  readonly holder: ProcessIdentity
  readonly released: boolean
  /** Everything that the session wrote was synced. Of one that was not released: nothing was refused by the disk so far. */
  readonly sound: boolean
}

export type Acquired =
  | { readonly kind: 'held'; readonly lock: DirectoryLock; readonly last: LastSession }
  | { readonly kind: 'busy'; readonly holder: ProcessIdentity }
  /** It cannot be known yet whether the holder lives: ask again until `LEASE_MS` are over. */
  | { readonly kind: 'doubtful'; readonly holder: ProcessIdentity }

export interface LockParts {
  readonly files: DiskFiles
  readonly directory: string
  readonly processes: Processes
  readonly clock: Clock
  /** What was seen of locks whose holders are of another machine: kept by who asks again. */
  readonly sightings: Map<number, LockSighting>
}

/** A lock's last sign of life, and since when we know of no later one, by our own clock. */
interface LockSighting {
  readonly modifiedMs: number
  readonly sinceMs: number
}

const LOCK_NAME = /^lock\.(\d+)$/
const LOCK_BYTES_MAX = 4096
const DRAFT_PREFIX = 'lock.draft.'

/** A draft that lies there for so long was given up by a process that died. */
const DRAFT_AGE_MS_MAX = 60_000

/** Races that are lost before we say that somebody else has it. */
const ATTEMPTS_MAX = 16

/**
 * One process at a time per directory. Every session makes a file `lock.N` with a number of its own, by `link` of a finished file, which
 * is atomic and refuses a name that is taken; the highest number holds. Why two can never both believe to hold:
 *
 * - Who finds that the holder of the highest number N is dead makes N+1. Of several only one can.
 * - Who came late (looked at N, then slept while others made N+1 and N+2 and took away what was below) may still be able
 *   to make N+1. So everyone looks again after making a file, and gives up where a higher number is there. The highest is never
 *   taken away, not even by its holder when it is done, so a number that once held is never free again below it.
 *
 * "Dead" is certain where process and lock are of one machine start and one process namespace: number and start time tell. Otherwise (another
 * container, another machine on a shared file system) it is the absence of the sign of life that a holder gives every few seconds. A
 * holder that was stopped for longer than that sees at its next look that it is not the highest any more (`isHeld`).
 */
export class DirectoryLock {
  readonly #parts: LockParts
  readonly #number: number
  readonly #holder: ProcessIdentity

  private constructor(parts: LockParts, number: number, holder: ProcessIdentity) {
    this.#parts = parts
    this.#number = number
    this.#holder = holder
  }

  static async acquire(parts: LockParts): Promise<Acquired> {
    const self = await parts.processes.self()
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const highest = await highestLock(parts)
      const text = highest === 0 ? undefined : await readLock(parts, highest)
      if (text === 'gone') continue
      if (text !== undefined && !text.released) {
        const alive = await liveness(parts, highest, text.holder)
        if (alive === 'alive') return { kind: 'busy', holder: text.holder }
        if (alive === 'unknown') return { kind: 'doubtful', holder: text.holder }
      }
      const number = highest + 1
      if (!(await makeLock(parts, number, { holder: self, released: false, sound: true }))) continue
      if ((await highestLock(parts)) !== number) {
        await parts.files.remove(pathOf(parts, number)).catch(() => undefined)
        continue
      }
      await removeBelow(parts, number)
      const last = highest === 0 ? 'none' : lastSession(text, self)
      return { kind: 'held', lock: new DirectoryLock(parts, number, self), last }
    }
    return { kind: 'busy', holder: self }
  }

  /** Gives a sign of life. False: somebody else holds the directory, or it is gone; nothing may be written any more. */
  async isHeld(): Promise<boolean> {
    try {
      if ((await highestLock(this.#parts)) !== this.#number) return false
      await this.#parts.files.touch(pathOf(this.#parts, this.#number), this.#parts.clock.nowMs()).catch((error: unknown) => {
        // A disk that refuses this is sick, not another's: if somebody takes over, a higher number will tell.
        if (codeOf(error) === 'ENOENT') throw error
      })
      return true
    } catch {
      return false
    }
  }

  /** Notes that something which had to be written was not. */
  async spoil(): Promise<void> {
    await this.#rewrite({ holder: this.#holder, released: false, sound: false })
  }

  /** Ends the session. `sound`: all that it wrote is synced. */
  async release(sound: boolean): Promise<void> {
    await this.#rewrite({ holder: this.#holder, released: true, sound })
  }

  async #rewrite(text: LockText): Promise<void> {
    const { files } = this.#parts
    const draft = draftPath(this.#parts)
    await writeSynced(files, draft, text)
    await files.rename(draft, pathOf(this.#parts, this.#number))
    await syncPath(files, this.#parts.directory)
  }
}

/** The holder of a directory that nobody else may look into, where there is one that may be alive. Changes nothing. */
export async function findHolder(parts: LockParts): Promise<ProcessIdentity | undefined> {
  const highest = await highestLock(parts)
  const text = highest === 0 ? undefined : await readLock(parts, highest)
  if (text === undefined || text === 'gone' || text.released) return undefined
  return (await liveness(parts, highest, text.holder)) === 'dead' ? undefined : text.holder
}

export function isLockName(name: string): boolean {
  return name.startsWith('lock.')
}

function lastSession(text: LockText | undefined, self: ProcessIdentity): LastSession {
  if (text === undefined || !text.sound) return 'lost'
  if (text.released) return 'clean'
  return text.holder.bootId !== undefined && text.holder.bootId === self.bootId && text.holder.host === self.host ? 'killed' : 'lost'
}

async function liveness(parts: LockParts, number: number, holder: ProcessIdentity): Promise<Liveness> {
  const known = await parts.processes.liveness(holder)
  if (known !== 'unknown') return known
  const facts = await parts.files.facts(pathOf(parts, number)).catch(() => undefined)
  if (facts === undefined) return 'unknown'
  // Of the same machine, and so of the same clock: how old its sign of life is can be told at once.
  const self = await parts.processes.self()
  const sameClock = holder.host === self.host || (holder.bootId !== undefined && holder.bootId === self.bootId)
  if (sameClock) return parts.clock.nowMs() - facts.modifiedMs > LEASE_MS ? 'dead' : 'unknown'
  const seen = parts.sightings.get(number)
  const nowMs = parts.clock.monotonicMs()
  if (seen?.modifiedMs === facts.modifiedMs) return nowMs - seen.sinceMs > LEASE_MS ? 'dead' : 'unknown'
  parts.sightings.set(number, { modifiedMs: facts.modifiedMs, sinceMs: nowMs })
  return 'unknown'
}

function pathOf(parts: LockParts, number: number): string {
  return join(parts.directory, `lock.${number}`)
}

function draftPath(parts: LockParts): string {
  return join(parts.directory, `${DRAFT_PREFIX}${randomUUID()}`)
}

/** 0 where there is none. */
async function highestLock({ files, directory }: LockParts): Promise<number> {
  const numbers = (await files.list(directory)).map((name) => Number(LOCK_NAME.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

async function makeLock(parts: LockParts, number: number, text: LockText): Promise<boolean> {
  const { files, directory } = parts
  const draft = draftPath(parts)
  await writeSynced(files, draft, text)
  try {
    await files.link(draft, pathOf(parts, number))
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await files.remove(draft).catch(() => undefined)
  }
  // A power cut must not bring back the time before this session, whose lock says that all was well.
  await syncPath(files, directory)
  return true
}

async function removeBelow({ files, directory, clock }: LockParts, number: number): Promise<void> {
  for (const name of await files.list(directory)) {
    const path = join(directory, name)
    const found = LOCK_NAME.exec(name)?.[1]
    const facts = name.startsWith(DRAFT_PREFIX) ? await files.facts(path).catch(() => undefined) : undefined
    const isOld = facts !== undefined && clock.nowMs() - facts.modifiedMs > DRAFT_AGE_MS_MAX
    if (isOld || (found !== undefined && Number(found) < number)) await files.remove(path).catch(() => undefined)
  }
}

async function writeSynced(files: DiskFiles, path: string, text: LockText): Promise<void> {
  await withFile(files, path, 'create', async (fd) => {
    await files.setLength(fd, 0)
    await files.write(fd, Buffer.from(`${JSON.stringify(text)}\n`), 0)
    await files.sync(fd)
  })
}

/** undefined where it is not what we write: no process of ours is behind it. Rejects where it cannot be read. */
async function readLock(parts: LockParts, number: number): Promise<LockText | 'gone' | undefined> {
  const bytes = Buffer.alloc(LOCK_BYTES_MAX)
  let length: number
  try {
    length = await withFile(parts.files, pathOf(parts, number), 'read', async (fd) => parts.files.read(fd, [bytes], 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'gone'
    throw error
  }
  try {
    const parsed = JSON.parse(bytes.toString('utf8', 0, length)) as Partial<LockText>
    if (typeof parsed.holder?.pid !== 'number') return undefined
    return { holder: parsed.holder, released: parsed.released === true, sound: parsed.sound === true }
  } catch {
    return undefined
  }
}

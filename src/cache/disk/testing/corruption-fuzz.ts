import assert from 'node:assert/strict'
import { copyFile, lstat, mkdir, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ManualClock } from '../../../base/clock.ts'
import { seededRandom } from '../../../base/random.ts'
import type { DiskRecord } from '../disk-record.ts'
import { bodyOf, headRecord, openSession, readHeadOf, type DiskSession } from './disk-harness.ts'

const MiB = 1024 * 1024

/** Room enough that nothing is reclaimed while a case runs. */
const CAP_BYTES = 64 * MiB

const KEYS = 48
const BLOCK_BYTES = MiB
const EMPTY_PAGE = Buffer.alloc(4096)

/** What a run saw. */
export interface CorruptionSummary {
  readonly cases: number
  readonly reads: number
  readonly hits: number
  readonly damagedRecords: number
  readonly damagedSegments: number
}

interface Image {
  readonly directory: string
  /** Another directory of the same shape: its files are foreign here. */
  readonly foreign: string
}

/**
 * For tests: damages the files of a disk cache in random ways, before it is opened or while it is open, and reads everything that
 * was ever stored. What is read must be what was written, and nothing that was invalidated may be proven. Throws with seed and case.
 */
export async function fuzzCorruption(options: {
  readonly parent: string
  readonly seed: number
  readonly count: number
  readonly first?: number
  /** Called after each case. */
  readonly onCase?: (sum: CorruptionSummary) => void
}): Promise<CorruptionSummary> {
  const { parent, seed, count, first = 0, onCase } = options
  const image = { directory: join(parent, 'image'), foreign: join(parent, 'foreign') }
  await fill(image.directory, 0)
  await fill(image.foreign, 1)
  const work = join(parent, 'work')
  const restored = new Map<string, number>()
  const sum = { reads: 0, hits: 0, damagedRecords: 0, damagedSegments: 0 }
  for (let index = first; index < first + count; index++) {
    await restore(image.directory, work, restored)
    const done: string[] = []
    try {
      await runCase({ image, work, random: seededRandom(seed * 1_000_003 + index), done, sum })
    } catch (error) {
      const again = `node test/fuzz/disk-fuzz.ts --seed ${seed} --first ${index} --count 1`
      throw new Error(`seed ${seed}, case ${index}: ${done.join(', ')}\nagain: ${again}`, { cause: error })
    }
    onCase?.({ cases: index - first + 1, ...sum })
  }
  return { cases: count, ...sum }
}

/** Heads and blocks over several segments; every third key removed, every fourth stored twice. The last segment has no footer. */
async function fill(directory: string, variant: number): Promise<void> {
  const { shard, directory: held } = await openSession(directory, { capBytes: CAP_BYTES, pid: 1, seed: variant })
  for (let i = 0; i < KEYS; i++) {
    assert.equal(shard.put(head(i, 1, variant)), 'stored')
    if (i % 4 === 0) shard.put(head(i, 2, variant))
    if (i % 6 === 0) shard.put(block(i, variant))
    if (i % 3 === 0) await shard.remove(keyOf(i))
    await shard.flush()
    await shard.tick()
  }
  await held.close(true)
}

function keyOf(i: number): string {
  return `bucket/key-${i}`
}

function head(i: number, version: number, variant = 0): DiskRecord {
  return headRecord(keyOf(i), `"${version}"`, bodyOf(1000 * version + i + 7919 * variant, (i * i * 37) % 40_000))
}

/** What was written, made once: a case reads everything. */
const wantedRecords = new Map<string, DiskRecord>()

function wanted(name: string, make: () => DiskRecord): DiskRecord {
  let record = wantedRecords.get(name)
  if (record === undefined) {
    record = make()
    wantedRecords.set(name, record)
  }
  return record
}

function block(i: number, variant = 0): DiskRecord {
  return {
    ...head(i, 1, variant),
    blockNo: 1,
    meta: '',
    validatedAtMs: 0,
    sizeBytes: 3 * BLOCK_BYTES,
    body: bodyOf(5000 + i + 7919 * variant, BLOCK_BYTES),
  }
}

/** Makes `work` what `from` is. Files that nobody changed since the last time stay. */
async function restore(from: string, work: string, restored: Map<string, number>): Promise<void> {
  for (const folder of ['', 'shard-00']) {
    await mkdir(join(work, folder), { recursive: true })
    const wanted = new Set(
      (await readdir(join(from, folder), { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name),
    )
    for (const entry of await readdir(join(work, folder), { withFileTypes: true }))
      if (!wanted.has(entry.name) && !(entry.isDirectory() && entry.name === 'shard-00'))
        await rm(join(work, folder, entry.name), { recursive: true })
    for (const name of wanted) {
      const path = join(work, folder, name)
      const changedMs = await lstat(path).then(
        ({ ctimeMs }) => ctimeMs,
        () => undefined,
      )
      if (changedMs !== undefined && restored.get(path) === changedMs) continue
      await rm(path, { recursive: true, force: true })
      await copyFile(join(from, folder, name), path)
      restored.set(path, (await lstat(path)).ctimeMs)
    }
  }
}

interface Case {
  readonly image: Image
  readonly work: string
  readonly random: () => number
  /** What was damaged, in words. */
  readonly done: string[]
  readonly sum: { reads: number; hits: number; damagedRecords: number; damagedSegments: number }
}

async function runCase(what: Case): Promise<void> {
  const { random, work } = what
  const damages = 1 + Math.floor(random() * 4)
  const whileOpen = random() < 0.4
  if (!whileOpen) for (let i = 0; i < damages; i++) await damage(what)
  const session = await openSession(work, { capBytes: CAP_BYTES, clock: new ManualClock(Date.now()) })
  // Twice: what was read once is not compared again.
  if (whileOpen) for (let i = 0; i < damages; i++) await damage(what)
  await readEverything(what, session)
  await session.shard.tick()
  await readEverything(what, session)
  const { pins, damagedRecords, damagedSegments } = session.shard.stats()
  assert.equal(pins, 0)
  what.sum.damagedRecords += damagedRecords
  what.sum.damagedSegments += damagedSegments
  await session.close()
}

async function readEverything({ sum, done }: Case, { shard }: DiskSession): Promise<void> {
  const tombstonesAreCut = done.some((text) => text.includes('tombstones'))
  for (let i = 0; i < KEYS; i++) {
    sum.reads++
    const found = await readHeadOf(shard, keyOf(i))
    if (found !== undefined) {
      sum.hits++
      const version = Number(found.etag.slice(1, -1))
      const stored = wanted(`head ${i} ${version}`, () => head(i, version))
      assert.ok(Buffer.from(found.body).equals(stored.body), `every byte of ${found.key}`)
      assert.deepEqual([found.key, found.meta, found.sizeBytes, found.validatedAtMs], [stored.key, stored.meta, stored.sizeBytes, 1000])
      if (i % 3 === 0 && !tombstonesAreCut) assert.equal(found.proven, false, `${found.key} was invalidated`)
    }
    if (i % 6 === 0) await readBlock(shard, i, sum)
  }
}

async function readBlock(shard: DiskSession['shard'], i: number, sum: Case['sum']): Promise<void> {
  const { reader } = shard
  const stored = wanted(`block ${i}`, () => block(i))
  const found = reader.find(reader.blockHash(reader.versionHash(stored), 1), true)
  if (found === undefined) return
  for (const [from, to] of [
    [1000, 70_000],
    [0, BLOCK_BYTES],
    [BLOCK_BYTES - 1, BLOCK_BYTES],
  ] as const) {
    const target = Buffer.alloc(to - from)
    sum.reads++
    if (!(await reader.readBlock(found, { version: stored, blockNo: 1, from, to }, target))) continue
    sum.hits++
    assert.ok(target.equals(stored.body.subarray(from, to)), `bytes ${from}-${to} of the block of ${stored.key}`)
  }
  reader.release(found)
}

/** Does one thing to one file. */
async function damage({ image, work, random, done }: Case): Promise<void> {
  const shard = join(work, 'shard-00')
  const names = (await readdir(shard)).toSorted()
  const name = pick(names, random)
  const other = pick(names, random)
  const kind = pick(DAMAGES, random)
  if (name === undefined || other === undefined || kind === undefined) return
  done.push(`${kind} ${name}${kind === 'swap' || kind === 'copy' ? ` ${other}` : ''}`)
  const foreign = join(image.foreign, 'shard-00')
  await DAMAGE[kind]({ path: join(shard, name), other: join(shard, other), foreign: join(foreign, name), random })
}

interface Target {
  readonly path: string
  /** Another file of the same shard; maybe the same. */
  readonly other: string
  /** The file of the same name in another directory. */
  readonly foreign: string
  readonly random: () => number
}

const DAMAGE = {
  flip: async ({ path, random }) => damageBytes(path, 'flip', random),
  zero: async ({ path, random }) => damageBytes(path, 'zero', random),
  garbage: async ({ path, random }) => damageBytes(path, 'garbage', random),
  move: async ({ path, random }) => damageBytes(path, 'move', random),
  truncate: async ({ path, random }) => truncate(path, Math.floor(random() * (await lstat(path)).size)),
  extend: async ({ path, random }) => truncate(path, (await lstat(path)).size + Math.floor(random() * 10_000)),
  swap: async ({ path, other }) => {
    if (other === path) return
    await rename(path, `${path}.swap`)
    await rename(other, path)
    await rename(`${path}.swap`, other)
  },
  copy: async ({ path, other }) => {
    if (other !== path) await copyFile(path, other)
  },
  foreign: async ({ path, foreign }) => copyFile(foreign, path).catch(async () => writeFile(path, '')),
  stranger: async ({ path, random }) => writeFile(path, randomBytes(Math.floor(random() * 100_000), random)),
  remove: async ({ path }) => rm(path),
} satisfies Readonly<Record<string, (target: Target) => Promise<void>>>

type Damage = keyof typeof DAMAGE

/** Flips are what disks do; the rest is what people and file systems do. */
const DAMAGES: readonly Damage[] = [...(Object.keys(DAMAGE) as Damage[]), 'flip', 'flip']

async function damageBytes(path: string, kind: 'flip' | 'zero' | 'garbage' | 'move', random: () => number): Promise<void> {
  const bytes = await readFile(path)
  if (bytes.length === 0) return
  // Most of a segment may be empty: half of the damage goes where something is.
  let used = Math.max(0, bytes.length - 8192)
  while (used > 0 && bytes.subarray(Math.max(0, used - 4096), used).equals(EMPTY_PAGE.subarray(0, Math.min(4096, used))))
    used = Math.max(0, used - 4096)
  const at = Math.floor(random() * (random() < 0.5 && used > 0 ? Math.min(used, bytes.length) : bytes.length))
  const length = Math.min(bytes.length - at, 1 + Math.floor(random() ** 4 * 200_000))
  let changed: Buffer = Buffer.from(bytes.subarray(at, at + length))
  if (kind === 'flip') changed = Buffer.from([(bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))])
  if (kind === 'zero') changed.fill(0)
  if (kind === 'garbage') changed = randomBytes(length, random)
  if (kind === 'move') changed = Buffer.from(bytes.subarray(Math.floor((random() * at) / 64) * 64).subarray(0, length))
  const file = await open(path, 'r+')
  await file.write(changed, 0, changed.length, at)
  await file.close()
}

function randomBytes(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
}

function pick<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)]
}

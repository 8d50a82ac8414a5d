import type { Clock } from '../../base/clock.ts'
import { findHolder } from './directory-lock.ts'
import { describeHolder, shardPath } from './disk-directory.ts'
import { codeOf, withFile, type DiskFiles } from './disk-files.ts'
import { DISK_RECORD_BYTES_MAX } from './disk-geometry.ts'
import { isBodyIntact, namesEnd, readRecordHeader } from './disk-record.ts'
import type { Processes } from './process-identity.ts'
import { ENTRY_WORDS, infoGranules, infoIsHead } from './segment-format.ts'
import { segmentPath, type SegmentSite } from './segment-loader.ts'
import { findSegments, type SegmentOfRecords } from './shard-loader.ts'
import { checksumSeedOf, FORMAT_VERSION, readSuperblock, type Superblock } from './superblock.ts'
import { TombstoneLog } from './tombstone-log.ts'

/** What is in one shard's files. Records may be there several times: what is replaced or invalidated is counted too. */
export interface ShardReport {
  readonly shard: number
  readonly segments: number
  /** Without a footer: they were being written when the process ended. */
  readonly unsealed: number
  readonly empty: number
  readonly heads: number
  readonly blocks: number
  readonly recordBytes: number
  readonly tombstones: number
  /** What the file system says that the shard's files take. */
  readonly allocatedBytes: number
  /** What is wrong: whole segments, and records (only where bodies were read). */
  readonly damage: readonly string[]
}

export interface DirectoryReport {
  readonly formatVersion: number
  readonly superblock: Superblock
  /** Who has it open now. */
  readonly holder: string | undefined
  readonly shards: readonly ShardReport[]
}

export type Inspected = { readonly kind: 'report'; readonly report: DirectoryReport } | { readonly kind: 'refused'; readonly why: string }

export interface InspectOptions {
  readonly files: DiskFiles
  readonly directory: string
  readonly processes: Processes
  readonly clock: Clock
  /** Reads every record and compares its checksums; refused while a process has the directory open. */
  readonly readsRecords: boolean
}

/** Tells what is in the directory of a disk cache. Needs no key, and changes nothing. */
export async function inspectDirectory(options: InspectOptions): Promise<Inspected> {
  const { files, directory } = options
  const found = await readSuperblock(files, directory)
  if (found.kind !== 'found') {
    const why = found.kind === 'absent' ? 'it has no superblock: it is not a disk cache' : found.why
    return { kind: 'refused', why: `Cannot inspect disk cache "${directory}": ${why}` }
  }
  const { superblock } = found
  const holder = await findHolder({ ...options, sightings: new Map() })
  if (holder !== undefined && options.readsRecords)
    return { kind: 'refused', why: `Cannot verify disk cache "${directory}": ${describeHolder(holder)} uses it; stop it first` }
  const shards: ShardReport[] = []
  for (let shard = 0; shard < superblock.geometry.shards; shard++) shards.push(await inspectShard(options, superblock, shard))
  const holderText = holder === undefined ? undefined : describeHolder(holder)
  return { kind: 'report', report: { formatVersion: FORMAT_VERSION, superblock, holder: holderText, shards } }
}

async function inspectShard(options: InspectOptions, superblock: Superblock, shard: number): Promise<ShardReport> {
  const { files } = options
  const directory = shardPath(options.directory, shard)
  const { geometry } = superblock
  const format = { granuleBytes: geometry.granuleBytes, checksumSeed: checksumSeedOf(superblock) }
  const site: SegmentSite = { files, directory, shard, geometry, format }
  const damage: string[] = []
  const found = await findSegments(site).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') damage.push(`the directory cannot be read: ${codeOf(error)}`)
    return { withRecords: [], empty: [], damaged: [] }
  })
  for (const { segment, why } of found.damaged) damage.push(`segment ${segment}: ${why}`)
  const totals = { heads: 0, blocks: 0, recordBytes: 0 }
  for (const segment of found.withRecords) {
    count(segment, format.granuleBytes, totals)
    if (options.readsRecords) damage.push(...(await verifyRecords(site, segment)))
  }
  const tombstones = await TombstoneLog.inspect({ files, directory, seed: format.checksumSeed })
  if (!tombstones.complete && found.withRecords.length > 0) damage.push('the tombstone log is damaged')
  return {
    shard,
    segments: found.withRecords.length,
    unsealed: found.withRecords.filter(({ from }) => from === 'scan').length,
    empty: found.empty.length,
    ...totals,
    tombstones: tombstones.count,
    allocatedBytes: await allocatedBytes(files, directory),
    damage,
  }
}

function count({ entries }: SegmentOfRecords, granuleBytes: number, totals: { heads: number; blocks: number; recordBytes: number }): void {
  for (let i = 3; i < entries.count * ENTRY_WORDS; i += ENTRY_WORDS) {
    const info = entries.words[i] ?? 0
    if (infoIsHead(info)) totals.heads++
    else totals.blocks++
    totals.recordBytes += infoGranules(info) * granuleBytes
  }
}

/** Compares the checksums of all records of a segment; says which are wrong. */
async function verifyRecords(site: SegmentSite, { life, entries }: SegmentOfRecords): Promise<string[]> {
  const damage: string[] = []
  const { words } = entries
  const buffer = Buffer.allocUnsafeSlow(DISK_RECORD_BYTES_MAX)
  await withFile(site.files, segmentPath(site.directory, life.segment), 'read', async (fd) => {
    for (let i = 0; i < entries.count * ENTRY_WORDS; i += ENTRY_WORDS) {
      const offset = (words[i + 2] ?? 0) * site.format.granuleBytes
      const bytes = buffer.subarray(0, infoGranules(words[i + 3] ?? 0) * site.format.granuleBytes)
      const isRead = (await site.files.read(fd, [bytes], offset).catch(() => 0)) === bytes.length
      const header = isRead ? readRecordHeader(bytes, { sequence: life.sequence, salt: life.salt, offset }, site.format) : undefined
      const body = header === undefined ? undefined : bytes.subarray(namesEnd(header), namesEnd(header) + header.bodyBytes)
      const isWhole = header !== undefined && body !== undefined && isBodyIntact(body, header, site.format)
      if (isWhole && header.hash.lo === words[i] && header.hash.hi === words[i + 1]) continue
      damage.push(
        `segment ${life.segment}: the record of ${bytes.length} bytes at ${offset} ${isRead ? 'is not what was written' : 'cannot be read'}`,
      )
    }
  })
  return damage
}

async function allocatedBytes(files: DiskFiles, directory: string): Promise<number> {
  let sum = (await files.facts(directory).catch(() => undefined))?.allocatedBytes ?? 0
  for (const name of await files.list(directory).catch(() => []))
    sum += (await files.facts(`${directory}/${name}`).catch(() => undefined))?.allocatedBytes ?? 0
  return sum
}

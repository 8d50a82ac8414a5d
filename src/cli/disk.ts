import { formatByteSize } from '../base/byte-size.ts'
import { systemClock } from '../base/clock.ts'
import { nodeDiskFiles } from '../cache/disk/disk-files.ts'
import { inspectDirectory, type DirectoryReport, type ShardReport } from '../cache/disk/inspect-directory.ts'
import { machineProcesses } from '../cache/disk/process-identity.ts'

/** What can be asked about a disk cache. */
export type DiskTask = 'stat' | 'verify'

interface DiskResult {
  readonly exitCode: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
}

/** Damage is listed up to so many lines a shard. */
const DAMAGE_LINES_MAX = 20

/**
 * `hotbucket disk stat|verify --disk DIR`: what is in a disk cache, without starting it. Exit code 0: as it should be; 1: damage was
 * found (it would be a miss each, never a wrong byte); 2: this is no disk cache, or it cannot be looked at now.
 */
export async function inspectDisk(task: DiskTask, directory: string): Promise<DiskResult> {
  const inspected = await inspectDirectory({
    files: nodeDiskFiles,
    directory,
    processes: machineProcesses,
    clock: systemClock,
    readsRecords: task === 'verify',
  })
  if (inspected.kind === 'refused') return { exitCode: 2, stdout: '', stderr: `${inspected.why}\n` }
  const { report } = inspected
  const isWhole = report.shards.every(({ damage }) => damage.length === 0)
  return { exitCode: isWhole ? 0 : 1, stdout: describe(task, directory, report), stderr: '' }
}

function describe(task: DiskTask, directory: string, report: DirectoryReport): string {
  const { superblock, shards } = report
  const { geometry } = superblock
  const sum = (of: (shard: ShardReport) => number): number => shards.reduce((total, shard) => total + of(shard), 0)
  const damaged = sum(({ damage }) => damage.length)
  const lines = [
    `directory   ${directory}`,
    `format      ${report.formatVersion}, ${superblock.uuid}`,
    `encrypted   ${superblock.encryption === undefined ? 'no' : 'AES-256-GCM'}`,
    `in use      ${report.holder ?? 'no'}`,
    `shards      ${geometry.shards}, segments of ${formatByteSize(geometry.segmentBytes)}`,
    `segments    ${sum(({ segments }) => segments)} with records, ${sum(({ unsealed }) => unsealed)} of them without a footer; ${sum(({ empty }) => empty)} empty`,
    `records     ${sum(({ heads }) => heads)} heads, ${sum(({ blocks }) => blocks)} blocks, ${formatByteSize(sum(({ recordBytes }) => recordBytes))}`,
    `tombstones  ${sum(({ tombstones }) => tombstones)}`,
    `on disk     ${formatByteSize(sum(({ allocatedBytes }) => allocatedBytes))} as the file system counts`,
    ...shards.flatMap(describeDamage),
    damaged > 0 ? `damaged     ${damaged}: each is a miss` : task === 'verify' ? 'verified    every record is what was written' : '',
  ]
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}

function describeDamage({ shard, damage }: ShardReport): string[] {
  const more = damage.length - DAMAGE_LINES_MAX
  const lines = damage.slice(0, DAMAGE_LINES_MAX).map((line) => `damage      shard ${shard}, ${line}`)
  return more > 0 ? [...lines, `damage      shard ${shard}, and ${more} more`] : lines
}

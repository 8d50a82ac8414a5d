import type { BigIntStats } from 'node:fs'
import { hash } from 'node:crypto'

/** What tells one state of a file from another. */
export interface FileVersion {
  readonly dev: bigint
  readonly ino: bigint
  readonly sizeBytes: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly links: bigint
}

export function fileVersion(stats: BigIntStats): FileVersion {
  const { dev, ino, size, mtimeNs, ctimeNs, nlink } = stats
  return { dev, ino, sizeBytes: Number(size), mtimeNs, ctimeNs, links: nlink }
}

/** Whether an open file still is what it was. Losing a name changes ctime too, but not the bytes: another version took its place. */
export function isUnchanged(now: FileVersion, then: FileVersion): boolean {
  if (now.sizeBytes !== then.sizeBytes || now.mtimeNs !== then.mtimeNs) return false
  return now.ctimeNs === then.ctimeNs || now.links < then.links
}

/** Names the state of a file in a few characters; changes with every write, also one that sets mtime back: ctime cannot be set. */
export function fileStamp(version: FileVersion): string {
  return `${version.dev}:${version.ino}:${version.sizeBytes}:${version.mtimeNs}:${version.ctimeNs}`
}

/**
 * The ETag of a file that was not written through hotbucket: strong, because every change of the file changes device, inode,
 * size, mtime or ctime, in nanoseconds. It does not look like an MD5, which clients would compare with the content.
 */
export function fileEtag(version: FileVersion): string {
  return `"${hash('sha256', fileStamp(version), 'hex').slice(0, 32)}-file"`
}

/** Kernels before 6.13 stamp files with the time of the last tick, 1 to 10 ms ago. */
const TICK_MS = 20

/**
 * How long to wait until a file's stamp can be trusted: a second write in the tick of the first leaves the same stamp. Once the
 * tick is over, every further write gets another.
 */
export function untilStampSettledMs(version: FileVersion, nowMs: number): number {
  const ageMs = nowMs - Number(version.ctimeNs / 1_000_000n)
  // A time far in the future is another machine's clock: nothing can be learned from it.
  return ageMs < TICK_MS && ageMs > -TICK_MS ? TICK_MS - ageMs : 0
}

/** Last-Modified has whole seconds. */
export function modifiedMs(version: FileVersion): number {
  return Math.floor(Number(version.mtimeNs / 1_000_000n) / 1000) * 1000
}

import * as fs from 'node:fs'
import { promisify } from 'node:util'

/** Bytes of a file as it is on the file system. */
interface FileFacts {
  readonly sizeBytes: number
  /** What it really takes: allocated blocks, metadata of the file system for it included where the file system counts that. */
  readonly allocatedBytes: number
  /** Which file it is: device and inode. */
  readonly identity: string
  readonly modifiedMs: number
}

interface SpaceFacts {
  readonly totalBytes: number
  /** What we may still write. */
  readonly availableBytes: number
}

/** How a file is opened. `create` makes it where it is absent, `exclusive` refuses (EEXIST) where it is there. */
export type OpenMode = 'read' | 'write' | 'create' | 'exclusive'

/** What came of a read: an error, or how many bytes were there. */
export type ReadDone = (error: Error | undefined, bytes: number) => void

/**
 * The file system as the disk tier uses it: a port, so that tests can cut writes short and return any error. Everything
 * rejects with an error that has the system's `code`. Paths are never followed through a symbolic link at their end.
 */
export interface DiskFiles {
  open(path: string, mode: OpenMode): Promise<number>
  close(fd: number): Promise<void>
  /** Fills the targets one after another from `position` on. Resolves to the bytes read: fewer only at the file's end. */
  read(fd: number, targets: readonly Uint8Array[], position: number): Promise<number>
  /** The same, told by a call: many small reads feel what a promise costs. */
  readThen(fd: number, targets: readonly Uint8Array[], position: number, done: ReadDone): void
  /** Writes all of it. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<void>
  setLength(fd: number, lengthBytes: number): Promise<void>
  /** What was written to the file survives a power cut after this. Of a directory: the names in it. */
  sync(fd: number): Promise<void>
  /** Sets the file's time of change to now. */
  touch(path: string, nowMs: number): Promise<void>
  facts(path: string): Promise<FileFacts>
  space(path: string): Promise<SpaceFacts>
  list(path: string): Promise<string[]>
  makeDirectory(path: string): Promise<void>
  remove(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** A second name for a file; refused (EEXIST) where the name is taken. */
  link(from: string, to: string): Promise<void>
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NOFOLLOW,
  write: O_RDWR | O_NOFOLLOW,
  create: O_RDWR | O_CREAT | O_NOFOLLOW,
  exclusive: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
}

/** Nobody else's business what is cached. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** `st_blocks` counts in these, whatever the file system's own blocks are (POSIX leaves it open; Linux and macOS do). */
const STAT_BLOCK_BYTES = 512

const openFile = promisify(fs.open)

/** The machine's file system. Nothing here blocks the event loop: all of it runs in libuv's threads. */
export const nodeDiskFiles: DiskFiles = {
  open: async (path, mode) => openFile(path, OPEN_FLAGS[mode], FILE_MODE),
  close: promisify(fs.close),
  read: readFull,
  readThen,
  write: writeFull,
  setLength: promisify(fs.ftruncate),
  sync: promisify(fs.fdatasync),
  touch: async (path, nowMs) => fs.promises.utimes(path, nowMs / 1000, nowMs / 1000),
  facts: async (path) => {
    const { size, blocks, dev, ino, mtimeMs } = await fs.promises.lstat(path)
    return { sizeBytes: size, allocatedBytes: blocks * STAT_BLOCK_BYTES, identity: `${dev}:${ino}`, modifiedMs: mtimeMs }
  },
  space: async (path) => {
    const { bsize, blocks, bavail } = await fs.promises.statfs(path)
    return { totalBytes: bsize * blocks, availableBytes: bsize * bavail }
  },
  list: async (path) => fs.promises.readdir(path),
  makeDirectory: async (path) => fs.promises.mkdir(path, { mode: DIRECTORY_MODE }),
  remove: async (path) => fs.promises.unlink(path),
  rename: async (from, to) => fs.promises.rename(from, to),
  link: async (from, to) => fs.promises.link(from, to),
}

/** The system's code of a failure: ENOENT, ENOSPC, EIO. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN'
}

/** Opens a file for as long as `use` takes. */
export async function withFile<T>(files: DiskFiles, path: string, mode: OpenMode, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = await files.open(path, mode)
  try {
    return await use(fd)
  } finally {
    await files.close(fd)
  }
}

/** Makes what was written to a file, or the names in a directory, survive a power cut. */
export async function syncPath(files: DiskFiles, path: string): Promise<void> {
  await withFile(files, path, 'read', async (fd) => files.sync(fd))
}

async function readFull(fd: number, targets: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readThen(fd, targets, position, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)))
  })
}

// The callback forms cost half of what promises of FileHandle do for small reads.
function readThen(fd: number, targets: readonly Uint8Array[], position: number, done: ReadDone): void {
  let wanted = 0
  for (const target of targets) wanted += target.length
  const ended = (error: Error | null, bytes: number): void => {
    if (error !== null) done(error, 0)
    else if (bytes === 0 || bytes === wanted) done(undefined, bytes)
    else readThen(fd, afterBytes(targets, bytes), position + bytes, (failure, more) => done(failure, bytes + more))
  }
  const [first] = targets
  if (targets.length === 1 && first !== undefined) fs.read(fd, first, 0, first.length, position, ended)
  else fs.readv(fd, targets, position, ended)
}

function afterBytes(targets: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let skip = bytes
  for (const target of targets) {
    if (skip < target.length) rest.push(target.subarray(skip))
    skip = Math.max(0, skip - target.length)
  }
  return rest
}

async function writeFull(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const from = done
    done += await new Promise<number>((resolve, reject) => {
      fs.write(fd, bytes, from, bytes.length - from, position + from, (error, count) => (error === null ? resolve(count) : reject(error)))
    })
  }
}

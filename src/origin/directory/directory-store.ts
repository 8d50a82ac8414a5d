import { lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { DirectoryTree, fsPath, type BytePath } from './directory-tree.ts'
import { ifPresent } from './errno.ts'
import { KeyedLock } from './keyed-lock.ts'
import { ObjectMetas } from './object-meta.ts'
import { randomHex } from './random-hex.ts'

const TEMPORARY_FOLDER = 'tmp'
/** Temporary files older than this were left by a process that died. */
const TEMPORARY_AGE_MAX_MS = 24 * 3_600_000

/** A file in the making; gone at the end of its scope unless it was moved to its place. */
export interface TemporaryFile extends AsyncDisposable {
  readonly path: BytePath
  readonly file: FileHandle
}

/** The parts that work on one directory together. */
export class DirectoryStore {
  readonly clock: Clock
  readonly tree: DirectoryTree
  readonly metas: ObjectMetas
  /** Held by name `bucket/key` while an object changes. */
  readonly locks = new KeyedLock()
  #cleaned = false

  constructor(path: string, clock: Clock) {
    this.clock = clock
    this.tree = new DirectoryTree(path)
    this.metas = new ObjectMetas(this.tree)
  }

  async temporaryFile(): Promise<TemporaryFile> {
    const folder = await this.tree.privateFolder(TEMPORARY_FOLDER)
    if (!this.#cleaned) {
      this.#cleaned = true
      await removeOld(folder, this.clock.nowMs() - TEMPORARY_AGE_MAX_MS)
    }
    const path = `${folder}/${randomHex(16)}`
    const file = await open(fsPath(path), 'wx+')
    return {
      path,
      file,
      [Symbol.asyncDispose]: async () => {
        await file.close()
        await ifPresent(unlink(fsPath(path)))
      },
    }
  }
}

async function removeOld(folder: BytePath, beforeMs: number): Promise<void> {
  for (const name of await readdir(fsPath(folder))) {
    const path = fsPath(`${folder}/${name}`)
    const stats = await ifPresent(lstat(path))
    if (stats !== undefined && stats.mtimeMs < beforeMs) await ifPresent(unlink(path))
  }
}

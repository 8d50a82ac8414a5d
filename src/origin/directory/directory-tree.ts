import { constants, type BigIntStats } from 'node:fs'
import { link, lstat, mkdir, open, realpath, rename, rmdir, unlink, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Refusal } from '../../s3/errors.ts'
import { isBucketName } from '../../s3/address.ts'
import { OriginFailure } from '../origin.ts'
import { errnoOf, ifPresent } from './errno.ts'
import { fileVersion, type FileVersion } from './file-version.ts'
import { besidePath, besideSegmentPath, objectPath, segmentPath } from './key-path.ts'

/** The folder in the root that holds what is ours: metadata, uploads, files being written. It is never a bucket. */
export const PRIVATE_FOLDER = '.hotbucket'

/** A path as bytes, in latin1: file names need not be UTF-8. */
export type BytePath = string

/** The path as the file system takes it. */
export function fsPath(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** An object's file, open for reading. */
export interface OpenObject {
  readonly file: FileHandle
  readonly version: FileVersion
}

/** O_NONBLOCK: opening a FIFO must not wait for a writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** How often a write starts over because another one, or a removal, changed the directories under it. */
const PLACE_ATTEMPTS_MAX = 16

/**
 * The directory that is served: finds, opens, places and removes the files of objects. Symbolic links are never followed: what lies
 * behind one is neither shown nor served nor written to, so that nothing outside the root, and nothing of another bucket, can be
 * reached through one. On file systems that ignore case, a name in another case is another, missing, object.
 */
export class DirectoryTree {
  readonly #rootPath: string
  #root: BytePath | undefined

  constructor(rootPath: string) {
    this.#rootPath = resolve(rootPath)
  }

  /** The root without symbolic links in it. Rejects with OriginFailure where it is not there. */
  async root(): Promise<BytePath> {
    if (this.#root !== undefined) return this.#root
    try {
      this.#root = (await realpath(this.#rootPath, { encoding: 'buffer' })).toString('latin1')
      return this.#root
    } catch (cause) {
      throw new OriginFailure('unreachable', `Cannot read directory "${this.#rootPath}": ${errnoOf(cause) ?? String(cause)}`, { cause })
    }
  }

  /** A path in our own folder, which is made where it is missing. Its parts are ours: no key gets in here unhashed. */
  async privateFolder(...parts: readonly string[]): Promise<BytePath> {
    const folder = `${await this.root()}/${[PRIVATE_FOLDER, ...parts].join('/')}`
    const real = await ifPresent(realpath(fsPath(folder), { encoding: 'buffer' }))
    if (real === undefined) await mkdir(fsPath(folder), { recursive: true })
    else if (real.toString('latin1') !== folder)
      throw new Refusal('AccessDenied', { message: `"${PRIVATE_FOLDER}" must not be a symbolic link` })
    return folder
  }

  async bucketPath(bucket: string): Promise<BytePath> {
    return `${await this.root()}/${bucket}`
  }

  async hasBucket(bucket: string): Promise<boolean> {
    if (!isServedName(bucket)) return false
    const stats = await ifPresent(lstat(fsPath(await this.bucketPath(bucket))))
    return stats?.isDirectory() === true
  }

  async requireBucket(bucket: string): Promise<void> {
    if (!(await this.hasBucket(bucket))) throw new Refusal('NoSuchBucket', { fields: { BucketName: bucket } })
  }

  /** The directory whose path stands for the beginning of keys, such as `a/b/`; undefined where it is not there. */
  async prefixDirectory(bucket: string, keyPrefix: string): Promise<BytePath | undefined> {
    const segments = keyPrefix.split('/').slice(0, -1)
    const path = [await this.bucketPath(bucket), ...segments.flatMap(segmentPath)].join('/')
    const real = await ifPresent(realpath(fsPath(path), { encoding: 'buffer' }))
    return real?.toString('latin1') === path && (await isDirectory(path)) ? path : undefined
  }

  /** Opens an object; undefined where there is none of that key. */
  async openObject(bucket: string, key: string): Promise<OpenObject | undefined> {
    if (!isServedName(bucket)) return undefined
    const base = await this.bucketPath(bucket)
    // A file gives up its plain name before a directory takes it, so looking in this order never misses it.
    return (await openRegular(`${base}/${objectPath(key).join('/')}`)) ?? (await openRegular(`${base}/${besidePath(key).join('/')}`))
  }

  /**
   * Moves a finished file to its object's place. With `exclusive` it fails with PreconditionFailed where a file is there already,
   * atomically, also among several processes.
   */
  async place(temporary: BytePath, target: { readonly bucket: string; readonly key: string; readonly exclusive: boolean }): Promise<void> {
    const base = await this.bucketPath(target.bucket)
    const plain = `${base}/${objectPath(target.key).join('/')}`
    const beside = `${base}/${besidePath(target.key).join('/')}`
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#makeParents(base, target.key)
        if (await isDirectory(plain)) {
          await mkdir(fsPath(parentOf(beside)), { recursive: true })
          await moveTo(temporary, beside, target.exclusive)
        } else {
          await moveTo(temporary, plain, target.exclusive)
          await ifPresent(unlink(fsPath(beside)))
        }
        return
      } catch (error) {
        const code = errnoOf(error)
        const overtaken = code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'ENOTEMPTY' || code === 'EEXIST'
        if (!overtaken || attempt === PLACE_ATTEMPTS_MAX) throw error
        await this.requireBucket(target.bucket)
      }
    }
  }

  /** Removes an object's file, and directories that this leaves empty. */
  async remove(bucket: string, key: string): Promise<void> {
    const base = await this.bucketPath(bucket)
    for (const components of [objectPath(key), besidePath(key)]) {
      const path = `${base}/${components.join('/')}`
      if (!(await isRegular(path))) continue
      await ifPresent(unlink(fsPath(path)))
      await pruneAbove(base, path)
    }
  }

  /** Makes the directories above an object's file. A file that has the name of one steps aside. */
  async #makeParents(base: BytePath, key: string): Promise<void> {
    const segments = key.split('/').slice(0, -1)
    const last = key.slice(key.lastIndexOf('/') + 1)
    const parents = [...segments.flatMap(segmentPath), ...segmentPath(last).slice(0, -1)]
    const whole = [base, ...parents].join('/')
    const real = await ifPresent(realpath(fsPath(whole), { encoding: 'buffer' }))
    if (real?.toString('latin1') === whole && (await isDirectory(whole))) return
    let path = base
    for (const segment of segments) {
      const components = segmentPath(segment)
      for (const [i, component] of components.entries()) {
        const beside = i === components.length - 1 ? [path, ...besideSegmentPath(segment).slice(i)].join('/') : undefined
        path += `/${component}`
        await makeDirectory(path, beside)
      }
    }
    for (const component of segmentPath(last).slice(0, -1)) {
      path += `/${component}`
      await makeDirectory(path, undefined)
    }
  }
}

/** Names that can be buckets here: not our own folder, nor anything else that a person hides with a dot. */
export function isServedName(bucket: string): boolean {
  return isBucketName(bucket) && !bucket.startsWith('.')
}

async function openRegular(path: BytePath): Promise<OpenObject | undefined> {
  const real = await ifPresent(realpath(fsPath(path), { encoding: 'buffer' }))
  if (real?.toString('latin1') !== path) return undefined
  const file = await ifPresent(open(fsPath(path), READ_FLAGS))
  if (file === undefined) return undefined
  let stats: BigIntStats
  try {
    stats = await file.stat({ bigint: true })
  } catch (error) {
    await file.close()
    throw error
  }
  if (stats.isFile()) return { file, version: fileVersion(stats) }
  await file.close()
  return undefined
}

async function moveTo(from: BytePath, to: BytePath, exclusive: boolean): Promise<void> {
  if (!exclusive) {
    await rename(fsPath(from), fsPath(to))
    return
  }
  try {
    await link(fsPath(from), fsPath(to))
  } catch (error) {
    const code = errnoOf(error)
    const linksUnknown = code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
    if (linksUnknown && (await ifPresent(lstat(fsPath(to)))) === undefined) return rename(fsPath(from), fsPath(to))
    if (code !== 'EEXIST' && !linksUnknown) throw error
    throw (await isDirectory(to)) ? error : new Refusal('PreconditionFailed', { fields: { Condition: 'If-None-Match' } })
  }
  await unlink(fsPath(from))
}

async function makeDirectory(path: BytePath, beside: BytePath | undefined): Promise<void> {
  try {
    await mkdir(fsPath(path))
    return
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const stats = await lstat(fsPath(path))
  if (stats.isDirectory()) return
  if (!stats.isFile() || beside === undefined) {
    throw new Refusal('AccessDenied', { message: 'Cannot write below something that is neither a file nor a directory' })
  }
  await mkdir(fsPath(parentOf(beside)), { recursive: true })
  await rename(fsPath(path), fsPath(beside))
  await mkdir(fsPath(path))
}

async function isDirectory(path: BytePath): Promise<boolean> {
  return (await ifPresent(lstat(fsPath(path))))?.isDirectory() === true
}

/** True for a file that is reached without symbolic links. */
async function isRegular(path: BytePath): Promise<boolean> {
  const real = await ifPresent(realpath(fsPath(path), { encoding: 'buffer' }))
  return real?.toString('latin1') === path && (await ifPresent(lstat(fsPath(path))))?.isFile() === true
}

async function pruneAbove(base: BytePath, path: BytePath): Promise<void> {
  for (let parent = parentOf(path); parent.length > base.length; parent = parentOf(parent)) {
    try {
      await rmdir(fsPath(parent))
    } catch {
      // Not empty, or not ours to remove: the object is gone either way.
      return
    }
  }
}

function parentOf(path: BytePath): BytePath {
  return path.slice(0, path.lastIndexOf('/'))
}

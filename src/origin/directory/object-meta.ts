import { hash } from 'node:crypto'
import { mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { randomHex } from './random-hex.ts'
import type { HeaderList } from '../../base/header-list.ts'
import { fsPath, PRIVATE_FOLDER, type BytePath, type DirectoryTree } from './directory-tree.ts'
import { ifPresent } from './errno.ts'
import { fileStamp, type FileVersion } from './file-version.ts'

/** What a file cannot say of the object in it. Texts are latin1. */
export interface ObjectMeta {
  readonly key: string
  /** As S3 makes it: the MD5 of the content, or of the parts' MD5s. */
  readonly etag: string
  /** The state of the file that `etag` was made for; absent while the object is being put in place. */
  readonly stamp?: string | undefined
  /** Content-Type, Cache-Control … and `x-amz-meta-*`. */
  readonly headers: HeaderList
  /** `x-amz-checksum-*` of the whole object. */
  readonly checksums: HeaderList
  /** Sizes of the parts that the object was uploaded in, in order. */
  readonly parts?: readonly number[] | undefined
}

/**
 * Keeps metadata of objects that were written through hotbucket, one small JSON file for each version, outside the buckets:
 * `.hotbucket/meta/<bucket>/<2 hex>/<hash of the key>.<mtime>.<size>.json`.
 *
 * The name holds the version, and the metadata is written before the object's file is moved into place: a reader who has opened
 * a file finds the metadata of exactly that file, before, during and after an overwrite. A file that was changed in another way has
 * no metadata any more. A copy of the whole tree that keeps times keeps the metadata too, but not the MD5 as ETag, which is bound to
 * the very file (`stamp`).
 */
export class ObjectMetas {
  readonly #tree: DirectoryTree

  constructor(tree: DirectoryTree) {
    this.#tree = tree
  }

  async read(bucket: string, key: string, version: FileVersion): Promise<ObjectMeta | undefined> {
    const path = await this.#path(bucket, key, version)
    const text = await ifPresent(readFile(fsPath(path), 'utf8'))
    const meta = text === undefined ? undefined : parseMeta(text)
    return meta?.key === key ? meta : undefined
  }

  async write(bucket: string, version: FileVersion, meta: ObjectMeta): Promise<void> {
    const path = await this.#path(bucket, meta.key, version)
    await this.#tree.privateFolder()
    await mkdir(fsPath(path.slice(0, path.lastIndexOf('/'))), { recursive: true })
    const temporary = `${path}.${randomHex(8)}.tmp`
    await writeFile(fsPath(temporary), JSON.stringify(meta))
    await rename(fsPath(temporary), fsPath(path))
  }

  async remove(bucket: string, key: string, version: FileVersion): Promise<void> {
    await ifPresent(unlink(fsPath(await this.#path(bucket, key, version))))
  }

  async removeBucket(bucket: string): Promise<void> {
    await rm(fsPath(await this.#folder(bucket)), { recursive: true, force: true })
  }

  async #folder(bucket: string): Promise<BytePath> {
    return `${await this.#tree.root()}/${PRIVATE_FOLDER}/meta/${bucket}`
  }

  async #path(bucket: string, key: string, version: FileVersion): Promise<BytePath> {
    const name = hash('sha256', Buffer.from(key, 'latin1'), 'hex')
    return `${await this.#folder(bucket)}/${name.slice(0, 2)}/${name}.${version.mtimeNs}.${version.sizeBytes}.json`
  }
}

/** Whether the recorded ETag is that of the file as it is now. */
export function isStampOf(meta: ObjectMeta, version: FileVersion): boolean {
  return meta.stamp === fileStamp(version)
}

function parseMeta(text: string): ObjectMeta | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isMeta(value) ? value : undefined
}

function isMeta(value: unknown): value is ObjectMeta {
  if (typeof value !== 'object' || value === null) return false
  const { key, etag, stamp, headers, checksums, parts } = value as Record<string, unknown>
  if (typeof key !== 'string' || typeof etag !== 'string') return false
  if (stamp !== undefined && typeof stamp !== 'string') return false
  return isHeaders(headers) && isHeaders(checksums) && (parts === undefined || isSizes(parts))
}

function isHeaders(value: unknown): boolean {
  return Array.isArray(value) && value.length % 2 === 0 && value.every((item) => typeof item === 'string')
}

function isSizes(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item))
}

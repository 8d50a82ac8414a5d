import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, writeFile, type FileHandle } from 'node:fs/promises'
import type { HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../../s3/errors.ts'
import type { DirectoryStore, TemporaryFile } from './directory-store.ts'
import { fsPath, PRIVATE_FOLDER, type BytePath } from './directory-tree.ts'
import { ifPresent } from './errno.ts'
import { randomHex } from './random-hex.ts'

/** A multipart upload as it was begun. */
export interface Upload {
  readonly uploadId: string
  readonly key: string
  /** Kept with the object once it is complete. */
  readonly headers: HeaderList
  readonly initiatedMs: number
}

/** A part that was uploaded. */
export interface UploadedPart {
  readonly partNumber: number
  readonly etag: string
  readonly sizeBytes: number
  readonly checksums: HeaderList
  readonly modifiedMs: number
  readonly path: BytePath
}

const UPLOAD_ID = /^[0-9a-f]{32}$/
const PART_FILE = /^part-(\d{5})-[0-9a-f]{16}$/
const UPLOAD_FILE = 'upload.json'

/**
 * Multipart uploads on disk: `.hotbucket/uploads/<bucket>/<upload id>/` holds `upload.json` and, for each part, a file
 * `part-<number>-<random>` with a JSON file of what is known of it, which is written first. A part that is uploaded again is a new
 * file; the newest counts. Uploads stay until they are completed or aborted, as in S3.
 */
export class UploadStore {
  readonly #store: DirectoryStore

  constructor(store: DirectoryStore) {
    this.#store = store
  }

  async create(bucket: string, upload: Omit<Upload, 'uploadId'>): Promise<string> {
    const uploadId = randomHex(16)
    await this.#store.tree.privateFolder()
    const folder = await this.#folder(bucket, uploadId)
    await mkdir(fsPath(folder), { recursive: true })
    await writeWhole(`${folder}/${UPLOAD_FILE}`, JSON.stringify(upload))
    return uploadId
  }

  /** Throws Refusal NoSuchUpload where there is none of that id for that key. */
  async require(bucket: string, key: string, uploadId: string): Promise<Upload> {
    const upload = UPLOAD_ID.test(uploadId) ? await this.#read(bucket, uploadId) : undefined
    if (upload?.key !== key) throw new Refusal('NoSuchUpload', { fields: { UploadId: uploadId } })
    return upload
  }

  /** All uploads of a bucket, by key and then by age. */
  async all(bucket: string): Promise<Upload[]> {
    const names = (await ifPresent(readdir(fsPath(await this.#bucketFolder(bucket))))) ?? []
    const uploads = await Promise.all(names.filter((name) => UPLOAD_ID.test(name)).map((name) => this.#read(bucket, name)))
    return uploads.filter((upload) => upload !== undefined).sort(compareUploads)
  }

  /** Takes a finished part into an upload. Throws Refusal NoSuchUpload where the upload ended meanwhile. */
  async addPart(
    bucket: string,
    uploadId: string,
    temporary: TemporaryFile,
    part: Omit<UploadedPart, 'modifiedMs' | 'path'>,
  ): Promise<void> {
    const folder = await this.#folder(bucket, uploadId)
    const digits = String(part.partNumber).padStart(5, '0')
    await temporary.file.datasync()
    await this.#store.locks.run(`${folder}/${digits}`, async () => {
      const older = (await this.#partFiles(folder)).filter((name) => name.startsWith(`part-${digits}-`))
      const path = `${folder}/part-${digits}-${randomHex(8)}`
      try {
        await writeWhole(`${path}.json`, JSON.stringify(part))
        await rename(fsPath(temporary.path), fsPath(path))
      } catch (error) {
        if ((await this.#read(bucket, uploadId)) !== undefined) throw error
        throw new Refusal('NoSuchUpload', { fields: { UploadId: uploadId }, cause: error })
      }
      for (const name of older) {
        await ifPresent(unlink(fsPath(`${folder}/${name}`)))
        await ifPresent(unlink(fsPath(`${folder}/${name}.json`)))
      }
    })
  }

  /** The parts of an upload, by number; the newest of each. */
  async parts(bucket: string, uploadId: string): Promise<UploadedPart[]> {
    const folder = await this.#folder(bucket, uploadId)
    const read = await Promise.all((await this.#partFiles(folder)).map((name) => readPart(`${folder}/${name}`)))
    const newest = new Map<number, UploadedPart>()
    for (const part of read) {
      if (part === undefined) continue
      const known = newest.get(part.partNumber)
      if (known === undefined || known.modifiedMs < part.modifiedMs) newest.set(part.partNumber, part)
    }
    return [...newest.values()].sort((a, b) => a.partNumber - b.partNumber)
  }

  openPart(part: UploadedPart): Promise<FileHandle> {
    return open(fsPath(part.path), 'r')
  }

  async remove(bucket: string, uploadId: string): Promise<void> {
    const folder = await this.#folder(bucket, uploadId)
    // The upload is over at once, however long the parts take to go.
    await ifPresent(unlink(fsPath(`${folder}/${UPLOAD_FILE}`)))
    await rm(fsPath(folder), { recursive: true, force: true })
  }

  async #read(bucket: string, uploadId: string): Promise<Upload | undefined> {
    const text = await ifPresent(readFile(fsPath(`${await this.#folder(bucket, uploadId)}/${UPLOAD_FILE}`), 'utf8'))
    return text === undefined ? undefined : { uploadId, ...(JSON.parse(text) as Omit<Upload, 'uploadId'>) }
  }

  async #partFiles(folder: BytePath): Promise<string[]> {
    const names = (await ifPresent(readdir(fsPath(folder)))) ?? []
    return names.filter((name) => PART_FILE.test(name))
  }

  async #bucketFolder(bucket: string): Promise<BytePath> {
    return `${await this.#store.tree.root()}/${PRIVATE_FOLDER}/uploads/${bucket}`
  }

  async #folder(bucket: string, uploadId: string): Promise<BytePath> {
    return `${await this.#bucketFolder(bucket)}/${uploadId}`
  }
}

async function readPart(path: BytePath): Promise<UploadedPart | undefined> {
  const text = await ifPresent(readFile(fsPath(`${path}.json`), 'utf8'))
  const stats = await ifPresent(stat(fsPath(path)))
  if (text === undefined || stats === undefined) return undefined
  return { ...(JSON.parse(text) as Omit<UploadedPart, 'modifiedMs' | 'path'>), modifiedMs: stats.mtimeMs, path }
}

/** A file appears whole or not at all. */
async function writeWhole(path: BytePath, text: string): Promise<void> {
  const temporary = `${path}.${randomHex(8)}.tmp`
  await writeFile(fsPath(temporary), text)
  await rename(fsPath(temporary), fsPath(path))
}

function compareUploads(a: Upload, b: Upload): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return a.initiatedMs - b.initiatedMs || (a.uploadId < b.uploadId ? -1 : 1)
}

import { randomFillSync } from 'node:crypto'
import { existsSync, statfsSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { formatByteSize } from '../../src/base/byte-size.ts'

/** Objects of one size, served under the same path by every server: `/bench/<name>/<number>`. */
export interface ObjectSet {
  readonly name: string
  readonly sizeBytes: number
  /** Request targets. */
  readonly paths: readonly string[]
}

const BENCH_BUCKET = 'bench'

/** All objects of one size together; enough objects that one of them does not stay in a core's cache by itself. */
const SET_BYTES_MAX = 64 * 1024 ** 2
const SET_OBJECTS_MAX = 1000
const SET_OBJECTS_MIN = 8
const SHARED_MEMORY = '/dev/shm'

/** A fresh directory in memory where there is room for that much, else in the directory for temporary files. */
export async function createWorkDirectory(neededBytes: number): Promise<string> {
  const inMemory = existsSync(SHARED_MEMORY) && freeBytes(SHARED_MEMORY) > 2 * neededBytes
  return mkdtemp(join(inMemory ? SHARED_MEMORY : tmpdir(), 'hotbucket-bench-'))
}

/** The directory whose sub-directories are the buckets; servers want it before there are objects. */
export async function makeObjectRoot(workDirectory: string): Promise<string> {
  const root = join(workDirectory, 'objects')
  await mkdir(root, { recursive: true })
  return root
}

/** How many objects of a size are used. */
export function objectCount(sizeBytes: number): number {
  return Math.max(SET_OBJECTS_MIN, Math.min(SET_OBJECTS_MAX, Math.floor(SET_BYTES_MAX / sizeBytes)))
}

/** Writes the objects of one size to `<root>/bench/<name>/`, with random content. */
export async function writeObjectSet(root: string, sizeBytes: number): Promise<ObjectSet> {
  const name = formatByteSize(sizeBytes)
    .replace(/\.0+(?= )/, '')
    .replace(' ', '')
  const directory = join(root, BENCH_BUCKET, name)
  await mkdir(directory, { recursive: true })
  const content = Buffer.allocUnsafe(sizeBytes)
  const names = Array.from({ length: objectCount(sizeBytes) }, (_, number) => number.toString().padStart(4, '0'))
  for (const file of names) await writeFile(join(directory, file), randomFillSync(content))
  return { name, sizeBytes, paths: names.map((file) => `/${BENCH_BUCKET}/${name}/${file}`) }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

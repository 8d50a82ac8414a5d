import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { NameHash } from '../name-hash.ts'
import { codeOf, withFile, type DiskFiles } from './disk-files.ts'
import { geometryProblem, type DiskGeometry } from './disk-geometry.ts'

/** The format of everything in a directory. Another number: another program, or another time. */
export const FORMAT_VERSION = 1

const FORMAT_NAME = 'hotbucket disk cache'

const SUPERBLOCK_BYTES_MAX = 64 * 1024

/** What a directory is: written once, when it is made. */
export interface Superblock {
  readonly uuid: string
  readonly geometry: DiskGeometry
  /** Absent where it follows from the key. */
  readonly nameSeed: NameHash | undefined
  /** `DirectoryCipher.check` of the key that the records are encrypted with. */
  readonly encryption: string | undefined
}

/** A directory's superblock, or why there is none to go by. */
export type ReadSuperblock =
  | { readonly kind: 'found'; readonly superblock: Superblock; readonly identity: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly why: string }

export function superblockPath(directory: string): string {
  return join(directory, 'superblock')
}

/** Where the checksums of all records begin: what was copied here from another directory is damage. */
export function checksumSeedOf(superblock: Superblock): number {
  return crc32(superblock.uuid)
}

export async function readSuperblock(files: DiskFiles, directory: string): Promise<ReadSuperblock> {
  const path = superblockPath(directory)
  const bytes = Buffer.alloc(SUPERBLOCK_BYTES_MAX)
  let length: number
  let identity: string
  try {
    identity = (await files.facts(path)).identity
    length = await withFile(files, path, 'read', async (fd) => files.read(fd, [bytes], 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'absent' }
    return { kind: 'refused', why: `its superblock cannot be read: ${codeOf(error)}` }
  }
  const parsed = parseSuperblock(bytes.toString('utf8', 0, length))
  return typeof parsed === 'string' ? { kind: 'refused', why: parsed } : { kind: 'found', superblock: parsed, identity }
}

/** Writes it under another name first: there is a whole one, or none. */
export async function writeSuperblock(files: DiskFiles, directory: string, superblock: Superblock): Promise<void> {
  const path = superblockPath(directory)
  const draft = `${path}.new`
  await withFile(files, draft, 'create', async (fd) => {
    await files.setLength(fd, 0)
    await files.write(fd, Buffer.from(formatSuperblock(superblock)), 0)
    await files.sync(fd)
  })
  await files.rename(draft, path)
}

/** JSON, so that an administrator can read it; the checksum is over all fields before it. */
function formatSuperblock({ uuid, geometry, nameSeed, encryption }: Superblock): string {
  const fields = {
    format: FORMAT_NAME,
    version: FORMAT_VERSION,
    uuid,
    geometry,
    nameSeed: nameSeed ?? null,
    encryption: encryption ?? null,
  }
  return `${JSON.stringify({ ...fields, checksum: crc32(JSON.stringify(fields)) }, undefined, 2)}\n`
}

function parseSuperblock(text: string): Superblock | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return 'its superblock is damaged'
  }
  if (!isRecord(parsed) || parsed['format'] !== FORMAT_NAME) return 'its superblock is not that of a disk cache'
  const { checksum, ...fields } = parsed
  const { version, uuid, geometry, nameSeed, encryption } = fields
  if (version !== FORMAT_VERSION) return `it has format version ${String(version)}: wanted ${FORMAT_VERSION}`
  if (checksum !== crc32(JSON.stringify(fields))) return 'its superblock is damaged'
  if (typeof uuid !== 'string' || !isRecord(geometry)) return 'its superblock is damaged'
  const { shards, segmentBytes, granuleBytes } = geometry
  const numbers = { shards: Number(shards), segmentBytes: Number(segmentBytes), granuleBytes: Number(granuleBytes) }
  const problem = geometryProblem(numbers)
  if (problem !== undefined) return `its superblock says ${problem}`
  return {
    uuid,
    geometry: numbers,
    nameSeed: isRecord(nameSeed) ? { lo: Number(nameSeed['lo']) | 0, hi: Number(nameSeed['hi']) | 0 } : undefined,
    encryption: typeof encryption === 'string' ? encryption : undefined,
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

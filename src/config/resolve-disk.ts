import type { DiskConfig } from './config.ts'
import type { ResolveOptions } from './resolve.ts'
import type { RawConfig } from './schema.ts'

const INDEX_BYTES_MIN = 64 * 1024 * 1024
const INDEX_SHARE_OF_MEMORY = 1 / 8

/** The disk cache, where there is to be one. */
export function resolveDisk({ disk, memory }: RawConfig, options: ResolveOptions): DiskConfig | undefined {
  const { directory, ...rest } = disk
  if (directory === undefined) {
    const [given] = Object.entries(rest).find(([, value]) => value !== undefined) ?? []
    if (given !== undefined) options.report(['disk', given], undefined, '`disk.directory` (--disk) with it')
    return undefined
  }
  return {
    directory,
    maxBytes: disk.max,
    reserveBytes: disk.reserve,
    dailyWriteBytes: disk.dailyWrites,
    indexBytes: disk.index ?? Math.max(INDEX_BYTES_MIN, Math.floor(memory * INDEX_SHARE_OF_MEMORY)),
    key: disk.key,
  }
}

/** The 32 bytes of `disk.key`. */
export function diskKeyBytes(key: string): Buffer {
  return Buffer.from(key, key.length === KEY_HEX_LENGTH ? 'hex' : 'base64')
}

const KEY_HEX_LENGTH = 64

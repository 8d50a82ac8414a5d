import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32c } from './crc32c.ts'
import { Crc64Nvme } from './crc64-nvme.ts'

/** The checksums of S3 that are computed here. Others (XXHash) pass through unverified. */
export type ChecksumName = 'crc32' | 'crc32c' | 'crc64nvme' | 'md5' | 'sha1' | 'sha256' | 'sha512'

/** A checksum in the making. */
export interface Checksum {
  update(bytes: Uint8Array): void
  /** The value as S3 writes it in `x-amz-checksum-*`: big-endian bytes in base64. Ends the computation. */
  digestBase64(): string
}

const FIELD_PREFIX = 'x-amz-checksum-'

/** Length in bytes of each value, those that only pass through included. */
const DIGEST_BYTES: Readonly<Record<string, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
  xxhash64: 8,
  xxhash3: 8,
  xxhash128: 16,
}

/** `x-amz-checksum-crc32c` → `crc32c`; undefined for fields that are none or are not computed here. */
export function checksumOfField(fieldName: string): ChecksumName | undefined {
  if (!fieldName.startsWith(FIELD_PREFIX)) return undefined
  const name = fieldName.slice(FIELD_PREFIX.length)
  return isChecksumName(name) ? name : undefined
}

/** How many characters the value of a checksum field has; undefined where the field is not a known checksum. */
export function checksumFieldLength(fieldName: string): number | undefined {
  const bytes = fieldName.startsWith(FIELD_PREFIX) ? DIGEST_BYTES[fieldName.slice(FIELD_PREFIX.length)] : undefined
  return bytes === undefined ? undefined : Math.ceil(bytes / 3) * 4
}

function isChecksumName(name: string): name is ChecksumName {
  return Object.hasOwn(CREATE, name)
}

export function createChecksum(name: ChecksumName): Checksum {
  return CREATE[name]()
}

const CREATE: Readonly<Record<ChecksumName, () => Checksum>> = {
  crc32: () => new Crc32((bytes, state) => crc32(bytes, state)),
  crc32c: () => new Crc32(crc32c),
  crc64nvme: () => crc64nvme(),
  md5: () => hashed('md5'),
  sha1: () => hashed('sha1'),
  sha256: () => hashed('sha256'),
  sha512: () => hashed('sha512'),
}

function hashed(algorithm: string): Checksum {
  const hash = createHash(algorithm)
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digestBase64: () => hash.digest('base64'),
  }
}

class Crc32 implements Checksum {
  readonly #continue: (bytes: Uint8Array, state: number) => number
  #state = 0

  constructor(continueFrom: (bytes: Uint8Array, state: number) => number) {
    this.#continue = continueFrom
  }

  update(bytes: Uint8Array): void {
    this.#state = this.#continue(bytes, this.#state)
  }

  digestBase64(): string {
    const digest = Buffer.alloc(4)
    digest.writeUInt32BE(this.#state >>> 0)
    return digest.toString('base64')
  }
}

function crc64nvme(): Checksum {
  const crc = new Crc64Nvme()
  return { update: (bytes) => crc.update(bytes), digestBase64: () => crc.digest().toString('base64') }
}

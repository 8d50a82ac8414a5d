import type { KeyObject } from 'node:crypto'
import type { HeaderList } from '../../base/header-list.ts'
import { ALGORITHM, EMPTY_SHA256, sha256Hex, sign } from './canonical.ts'

/** What the signatures of an aws-chunked body hang on: the request's own. */
export interface ChunkSigning {
  readonly signingKey: KeyObject
  readonly amzDate: string
  readonly scope: string
  /** The request's signature; each chunk signs the one before it. */
  readonly seedSignature: string
}

/** The signature of one chunk, 32 bytes. `previous` is the signature before it in hex, `dataHash` the SHA-256 of its data in hex. */
export function chunkSignature(signing: ChunkSigning, previous: string, dataHash: string): Buffer {
  const { amzDate, scope } = signing
  return sign(signing.signingKey, `${ALGORITHM}-PAYLOAD\n${amzDate}\n${scope}\n${previous}\n${EMPTY_SHA256}\n${dataHash}`)
}

/** The signature of the trailer fields, in the order in which they are sent. */
export function trailerSignature(signing: ChunkSigning, previous: string, trailers: HeaderList): Buffer {
  const { amzDate, scope } = signing
  let lines = ''
  for (let i = 0; i < trailers.length; i += 2) lines += `${trailers[i] ?? ''}:${trailers[i + 1] ?? ''}\n`
  return sign(signing.signingKey, `AWS4-HMAC-SHA256-TRAILER\n${amzDate}\n${scope}\n${previous}\n${sha256Hex(lines)}`)
}

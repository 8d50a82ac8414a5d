import type { HeaderList } from '../../base/header-list.ts'
import { ALGORITHM, EMPTY_SHA256, sha256Hex } from './canonical.ts'
import type { SigningKey } from './signing-key.ts'

/** What the signatures of an aws-chunked body hang on: the request's own. */
export interface ChunkSigning {
  readonly signingKey: SigningKey
  readonly amzDate: string
  readonly scope: string
  /** The request's signature; each chunk signs the one before it. */
  readonly seedSignature: string
}

/** What is signed for one chunk. `previous` is the signature before it, `dataHash` the SHA-256 of its data; both in lower-case hex. */
export function chunkStringToSign(signing: ChunkSigning, previous: string, dataHash: string): string {
  return `${ALGORITHM}-PAYLOAD\n${signing.amzDate}\n${signing.scope}\n${previous}\n${EMPTY_SHA256}\n${dataHash}`
}

/** What is signed for the trailer fields, in the order in which they are sent. */
export function trailerStringToSign(signing: ChunkSigning, previous: string, trailers: HeaderList): string {
  let lines = ''
  for (let i = 0; i < trailers.length; i += 2) lines += `${trailers[i] ?? ''}:${trailers[i + 1] ?? ''}\n`
  return `${ALGORITHM}-TRAILER\n${signing.amzDate}\n${signing.scope}\n${previous}\n${sha256Hex(lines)}`
}

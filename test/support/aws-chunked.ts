import { chunkStringToSign, trailerStringToSign, type ChunkSigning } from '../../src/s3/sigv4/chunk-signature.ts'
import { sha256 } from './s3-client.ts'

/** An aws-chunked body with a signature on every chunk and, if there are trailers, on those. */
export function signedChunks(seed: ChunkSigning, chunks: readonly string[], trailers: readonly string[] = []): Buffer {
  let previous = seed.seedSignature
  let framed = ''
  for (const chunk of [...chunks, '']) {
    previous = seed.signingKey.sign(chunkStringToSign(seed, previous, sha256(chunk)))
    framed += `${chunk.length.toString(16)};chunk-signature=${previous}\r\n${chunk === '' ? '' : `${chunk}\r\n`}`
  }
  for (let i = 0; i < trailers.length; i += 2) framed += `${trailers[i] ?? ''}:${trailers[i + 1] ?? ''}\r\n`
  if (trailers.length > 0) framed += `x-amz-trailer-signature:${seed.signingKey.sign(trailerStringToSign(seed, previous, trailers))}\r\n`
  return Buffer.from(`${framed}\r\n`, 'latin1')
}

/** An aws-chunked body without signatures. */
export function unsignedChunks(chunks: readonly string[], trailers: readonly string[]): Buffer {
  let framed = ''
  for (const chunk of chunks) framed += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
  framed += '0\r\n'
  for (let i = 0; i < trailers.length; i += 2) framed += `${trailers[i] ?? ''}:${trailers[i + 1] ?? ''}\r\n`
  return Buffer.from(`${framed}\r\n`, 'latin1')
}

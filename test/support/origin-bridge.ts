import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { emptySource, type ByteSource } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import type { Origin, OriginRequest, Payload } from '../../src/origin/origin.ts'
import { parseAddress, splitTarget } from '../../src/s3/address.ts'
import { errorXml, Refusal } from '../../src/s3/errors.ts'
import { forwardedRequestFields } from '../../src/s3/headers.ts'
import { decodeAwsChunked, parseDecodedLength, parseTrailerNames } from '../../src/s3/sigv4/chunked.ts'
import { parsePayload } from '../../src/s3/sigv4/payload.ts'
import { parseQuery } from '../../src/s3/query.ts'
import { SignatureVerifier, type Verified } from '../../src/s3/sigv4/signature-verifier.ts'

/** The only key that the bridge knows. */
export const BRIDGE_CREDENTIALS = { accessKeyId: 'BRIDGEKEY', secretAccessKey: 'bridge-secret' } as const

const SKEW_MS = 15 * 60_000

/**
 * Serves an Origin over HTTP on a real socket, path style, as an S3 service would: signatures are verified, aws-chunked bodies are
 * decoded and their trailers checked. For tests that need a service behind the S3 adapter.
 */
export class OriginBridge {
  readonly #origin: Origin
  readonly #server: Server
  readonly #verifier = new SignatureVerifier({
    lookup: (id) => (id === BRIDGE_CREDENTIALS.accessKeyId ? BRIDGE_CREDENTIALS : undefined),
    skewMs: SKEW_MS,
  })

  constructor(origin: Origin) {
    this.#origin = origin
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined)
      })
    })
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    let request: OriginRequest
    try {
      request = this.#read(incoming)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const body = errorXml({ code: error.code, message: error.message, requestId: 'BRIDGE', fields: error.fields })
      outgoing.writeHead(error.status, { 'content-type': 'application/xml', 'content-length': body.length })
      outgoing.end(incoming.method === 'HEAD' ? undefined : body)
      return
    }
    const answer = await this.#origin.send(request)
    outgoing.writeHead(answer.status, [...answer.headers])
    for (let chunk = await answer.body.read(); chunk !== undefined; chunk = await answer.body.read()) {
      if (!outgoing.write(chunk)) await drained(outgoing)
      if (outgoing.destroyed) {
        answer.body.cancel(new Error('client left'))
        return
      }
    }
    outgoing.end()
  }

  #read(incoming: IncomingMessage): OriginRequest {
    const headers = incoming.rawHeaders.map((item, i) => (i % 2 === 0 ? item.toLowerCase() : item))
    const method = incoming.method ?? ''
    const { rawPath, rawQuery } = splitTarget(incoming.url ?? '')
    const verified = this.#verifier.verify({ method, rawPath, query: parseQuery(rawQuery), headers }, Date.now())
    if (verified === 'anonymous') throw new Refusal('AccessDenied')
    const { bucket, rawKey } = parseAddress({ rawPath, host: headerValue(headers, 'host') ?? '', domains: [] })
    return {
      method,
      bucket,
      rawKey,
      rawQuery,
      headers: forwardedRequestFields(headers),
      signal: undefined,
      ...bodyOf(incoming, headers, verified),
    }
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done).off('close', done)
      resolve()
    }
    outgoing.on('drain', done).on('close', done)
  })
}

function bodyOf(
  incoming: IncomingMessage,
  headers: readonly string[],
  verified: Verified,
): Pick<OriginRequest, 'payload' | 'body' | 'bodyLength'> {
  const declared = parsePayload(headerValue(headers, 'x-amz-content-sha256'))
  const lengthField = headerValue(headers, 'content-length')
  const bodyLength = lengthField === undefined ? undefined : Number(lengthField)
  if (declared.kind === 'chunked') {
    const trailerNames = parseTrailerNames(headerValue(headers, 'x-amz-trailer'))
    const decodedLength = parseDecodedLength(headerValue(headers, 'x-amz-decoded-content-length'))
    const body = decodeAwsChunked(sourceOfStream(incoming, bodyLength), {
      mode: declared.mode,
      decodedLength,
      trailerNames,
      verifier: { ...verified, seedSignature: verified.signature },
    })
    return { payload: { kind: 'trailer', names: trailerNames, fields: () => body.trailers() }, body, bodyLength: decodedLength }
  }
  const present = bodyLength !== undefined || headerValue(headers, 'transfer-encoding') !== undefined
  const payload: Payload = declared
  return present
    ? { payload, body: sourceOfStream(incoming, bodyLength), bodyLength }
    : { payload: { kind: 'none' }, body: emptySource, bodyLength: 0 }
}

function sourceOfStream(incoming: IncomingMessage, length: number | undefined): ByteSource {
  const chunks: AsyncIterator<Buffer> = incoming[Symbol.asyncIterator]()
  return {
    length,
    read: async () => {
      const next = await chunks.next()
      return next.done === true ? undefined : next.value
    },
    cancel: () => {
      incoming.resume()
    },
  }
}

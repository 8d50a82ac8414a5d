import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeAwsChunked, parseDecodedLength, parseTrailerNames } from '../../src/s3/sigv4/chunked.ts'
import { PatternCheck } from './upload-pattern.ts'

/** What arrived of one PUT. */
export interface SunkBody {
  readonly path: string
  readonly sizeBytes: number
}

/** An S3 origin that takes uploads and keeps nothing but a check of every byte: no signatures, single PUTs and multipart uploads. */
export class UploadSink {
  readonly bodies: SunkBody[] = []
  /** The first body that was not what was sent. */
  failure: string | undefined
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.failure ??= error instanceof Error ? error.message : String(error)
        response.destroy()
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    if (request.method === 'POST') {
      for await (const _ of request);
      const root = path.includes('uploadId') ? 'CompleteMultipartUploadResult' : 'InitiateMultipartUploadResult'
      response.end(`<?xml version="1.0"?><${root}><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId><ETag>"e"</ETag></${root}>`)
      return
    }
    const check = new PatternCheck(path)
    if (request.headers['content-encoding'] === undefined) for await (const chunk of request) check.see(chunk as Buffer)
    else await seeDecoded(request, check)
    this.bodies.push({ path, sizeBytes: check.seenBytes })
    response.setHeader('etag', '"e"')
    response.end()
  }
}

/** A body that comes with its checksum behind it. */
async function seeDecoded(request: IncomingMessage, check: PatternCheck): Promise<void> {
  const chunks: AsyncIterator<Buffer> = request[Symbol.asyncIterator]()
  const field = (name: string): string => String(request.headers[name] ?? '')
  const source = {
    length: undefined,
    read: async () => {
      const next = await chunks.next()
      return next.done === true ? undefined : next.value
    },
    cancel: () => request.destroy(),
  }
  const body = decodeAwsChunked(source, {
    mode: 'unsigned-trailer',
    decodedLength: parseDecodedLength(field('x-amz-decoded-content-length')),
    trailerNames: parseTrailerNames(field('x-amz-trailer')),
    verifier: undefined,
  })
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) check.see(chunk)
}

import { renderHeaders } from '../../src/base/header-list.ts'
import { createChecksum } from '../../src/s3/checksums.ts'
import { RawClient, type RawResponse } from '../../src/http/testing/raw-client.ts'
import { signRequest } from '../../src/s3/sigv4/sign.ts'
import { answerOf, bodyOf, GOOD_ACTS, keyOf, type PlannedConnection, type PlannedRequest } from './desync-plan.ts'

/** Where the clients of a run connect, and what they sign with. */
export interface DesyncTarget {
  readonly port: number
  readonly nowMs: number
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** What came of a connection. */
export interface ConnectionReport {
  /** What must not be. */
  readonly violations: readonly string[]
  /** Answers by status. */
  readonly statuses: readonly number[]
  /** The connection was still good after the last answer, and proved it. */
  readonly inSync: boolean
}

const HOST = 'cache.example'
const WRONG_SECRET = 'guessed'
const CHUNK_BYTES = 20_000

/** Head and body as they go on the wire. */
interface Wire {
  readonly head: Buffer
  readonly body: Buffer
}

/** Plays one connection. Whatever is answered must belong to the request whose turn it is. */
export async function playConnection(plan: PlannedConnection, target: DesyncTarget): Promise<ConnectionReport> {
  const client = await RawClient.connect(target.port)
  const player = new Player(client, plan, target)
  try {
    await (plan.leavesAt === undefined ? player.play() : player.leave(plan.leavesAt))
  } finally {
    client.destroy()
  }
  return player
}

class Player implements ConnectionReport {
  readonly violations: string[] = []
  readonly statuses: number[] = []
  inSync = false
  readonly #client: RawClient
  readonly #plan: PlannedConnection
  readonly #target: DesyncTarget

  constructor(client: RawClient, plan: PlannedConnection, target: DesyncTarget) {
    this.#client = client
    this.#plan = plan
    this.#target = target
  }

  /** Sends a part of everything and is gone. */
  async leave(share: number): Promise<void> {
    const bytes = Buffer.concat(this.#plan.requests.map((request) => bytesOf(request, this.#target)))
    const part = bytes.subarray(0, Math.floor(bytes.length * share))
    // The bytes may never be taken: nobody waits for that.
    this.#client.send(part)
    await new Promise((resolve) => setImmediate(resolve))
  }

  async play(): Promise<void> {
    const { requests, pipelined } = this.#plan
    const all = pipelined ? Buffer.concat(requests.map((request) => bytesOf(request, this.#target))) : undefined
    if (all !== undefined) this.#sendCut(all)
    for (const request of requests) {
      const open = await (pipelined ? this.#answerTo(request) : this.#turn(request))
      if (!open) return
    }
    await this.#proveSync()
  }

  /** Sends one request and reads its answer. */
  async #turn(request: PlannedRequest): Promise<boolean> {
    if (request.expect !== 'waits') {
      this.#sendCut(bytesOf(request, this.#target))
      return this.#answerTo(request)
    }
    const { head, body } = wireOf(request, this.#target)
    this.#client.send(head)
    const first = await this.#response(request)
    if (first === undefined) return this.#ended(request)
    if (first.status !== 100) return this.#judge(request, first)
    if (request.signature !== 'right') this.#violation(request, 'was told to go on before its signature was checked')
    this.#sendCut(body)
    return this.#answerTo(request)
  }

  /** Reads the answer to a request; false where the connection is over. */
  async #answerTo(request: PlannedRequest): Promise<boolean> {
    let response = await this.#response(request)
    if (response?.status === 100 && request.expect === 'goes-on') response = await this.#response(request)
    return response === undefined ? this.#ended(request) : this.#judge(request, response)
  }

  async #response(request: PlannedRequest): Promise<RawResponse | undefined> {
    try {
      return await this.#client.response(request.method)
    } catch {
      return undefined
    }
  }

  /** The connection ended where an answer was due. */
  #ended(request: PlannedRequest): false {
    const mayBeCut = request.signature === 'right' && !GOOD_ACTS.has(request.act) && request.method === 'GET'
    if (!mayBeCut) this.#violation(request, 'was not answered, and no answer before it said that the connection would end')
    return false
  }

  #judge(request: PlannedRequest, response: RawResponse): boolean {
    this.statuses.push(response.status)
    const { status, fields, body } = response
    const text = body.toString('latin1')
    const resource = /<Resource>\/bucket\/([a-z0-9]+)\./.exec(text)?.[1]
    const tag = fields.get('x-amz-meta-tag') ?? resource
    if (tag !== undefined && tag !== request.id) this.#violation(request, `got the answer to ${tag}`)
    // The answer to HEAD has no place for a tag in an error.
    if (tag === undefined && request.method !== 'HEAD')
      this.#violation(request, `got an answer without a tag: ${status} ${text.slice(0, 300)}`)
    const expected = statusesOf(request)
    if (!expected.includes(status)) this.#violation(request, `got ${status}, wanted ${expected.join(' or ')}: ${text.slice(0, 300)}`)
    if (request.method === 'GET' && status === 200 && !body.equals(answerOf(request.id, request.answerBytes))) {
      this.#violation(request, `got a body of ${body.length} bytes that is not its own`)
    }
    return fields.get('connection')?.toLowerCase() !== 'close'
  }

  /** One more request on a connection that did not end must be answered as if nothing had been before it. */
  async #proveSync(): Promise<void> {
    const request: PlannedRequest = {
      id: 'shared0',
      act: 'answer',
      method: 'GET',
      signature: 'right',
      framing: 'none',
      bodyBytes: 0,
      expect: 'none',
      answerBytes: 4096,
    }
    this.#client.send(wireOf(request, this.#target).head)
    this.inSync = await this.#answerTo(request)
  }

  /** The kernel need not take it all before answers come: nobody waits for that here. */
  #sendCut(bytes: Buffer): void {
    let from = 0
    for (const cut of [...this.#plan.cuts, 1]) {
      const to = Math.floor(bytes.length * cut)
      if (to > from) this.#client.send(bytes.subarray(from, to))
      from = to
    }
  }

  #violation(request: PlannedRequest, what: string): void {
    this.violations.push(`${request.method} ${request.id} (${request.act}, ${request.framing}, ${request.bodyBytes} bytes) ${what}`)
  }
}

/** What a request may be answered with. A connection to the origin may end under any of them, through no fault of its own. */
function statusesOf(request: PlannedRequest): readonly number[] {
  if (request.signature !== 'right') return [403]
  // S3 wants a length where the body is the object.
  if (request.method === 'PUT' && request.framing === 'none') return [411]
  return [request.act === 'early-refusal' ? 403 : request.method === 'DELETE' ? 204 : 200, 502, 503]
}

function bytesOf(request: PlannedRequest, target: DesyncTarget): Buffer {
  const { head, body } = wireOf(request, target)
  return Buffer.concat([head, body])
}

function wireOf(request: PlannedRequest, target: DesyncTarget): Wire {
  const rawPath = `/bucket/${keyOf(request)}`
  const body = bodyOf(request)
  const framing = framed(request, body)
  const headers = ['host', HOST, ...framing.headers]
  if (request.expect !== 'none') headers.push('expect', '100-continue')
  if (request.signature !== 'none') {
    const { accessKeyId, secretAccessKey } = target.credentials
    const credentials = { accessKeyId, secretAccessKey: request.signature === 'right' ? secretAccessKey : WRONG_SECRET }
    const { method } = request
    const signing = { method, rawPath, rawQuery: '', nowMs: target.nowMs, credentials, region: 'us-east-1' }
    headers.push(...signRequest({ ...signing, headers, payloadHash: framing.payload }))
  }
  return { head: Buffer.from(`${request.method} ${rawPath} HTTP/1.1\r\n${renderHeaders(headers)}\r\n`, 'latin1'), body: framing.bytes }
}

function framed(request: PlannedRequest, body: Buffer): { readonly headers: string[]; readonly payload: string; readonly bytes: Buffer } {
  const unsigned = 'UNSIGNED-PAYLOAD'
  switch (request.framing) {
    case 'none':
      return { headers: [], payload: unsigned, bytes: Buffer.alloc(0) }
    case 'length':
      return { headers: ['content-length', String(body.length)], payload: unsigned, bytes: body }
    case 'chunked':
      return { headers: ['transfer-encoding', 'chunked'], payload: unsigned, bytes: chunks(body, '\r\n') }
    case 'aws-chunked': {
      const checksum = createChecksum('crc32')
      checksum.update(body)
      const trailer = `x-amz-checksum-crc32:${checksum.digestBase64()}\r\n\r\n`
      const announced = ['x-amz-decoded-content-length', String(body.length), 'x-amz-trailer', 'x-amz-checksum-crc32']
      const bytes = chunks(body, trailer)
      const headers = ['content-encoding', 'aws-chunked', 'content-length', String(bytes.length), ...announced]
      return { headers, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', bytes }
    }
  }
}

/** `size CRLF bytes CRLF` …, the last of size 0, and what comes after that. */
function chunks(body: Buffer, end: string): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const piece = body.subarray(at, at + CHUNK_BYTES)
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...pieces, Buffer.from(`0\r\n${end}`)])
}

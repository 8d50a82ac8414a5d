import { FaultOrigin, type FaultReply, type FaultRequest } from '../support/fault-origin.ts'
import { answerOf, bodyOf, ORIGIN_ACTS, type OriginAct, type PlannedRequest } from './desync-plan.ts'

/** An origin that does what the key of each request says, and holds against the plan whatever arrives. */
export class DesyncOrigin {
  readonly fault: FaultOrigin
  readonly #planned = new Map<string, PlannedRequest>()
  readonly #uploads = new Map<string, number>()
  /** What must not be. */
  readonly violations: string[] = []

  constructor() {
    this.fault = new FaultOrigin(async (request, reply) => this.#serve(request, reply))
  }

  expect(request: PlannedRequest): void {
    this.#planned.set(request.id, request)
  }

  /** Forgets what nobody asks for any more. */
  settle(): void {
    this.fault.requests.length = 0
    for (const garbage of this.fault.garbage.splice(0))
      this.violations.push(`the origin got no request: ${JSON.stringify(garbage.slice(0, 200))}`)
  }

  async #serve(request: FaultRequest, reply: FaultReply): Promise<void> {
    const match = /^\/bucket\/([a-z0-9]+)\.([a-z-]+)\.(\d+)$/.exec(request.target)
    const planned = this.#planned.get(match?.[1] ?? '')
    if (match === null || planned === undefined || planned.signature !== 'right') {
      // Shared keys are asked for by many, some of them without a right signature: then another one asked.
      if (planned?.id.startsWith('shared') !== true)
        this.violations.push(`the origin got ${request.method} ${request.target.slice(0, 200)}, which was not sent`)
    }
    const id = match?.[1] ?? ''
    if (request.method === 'PUT') this.#upload(id, request, planned)
    const act = ORIGIN_ACTS.find((one) => one === match?.[2]) ?? 'answer'
    askForBody(act, request, reply)
    await ACTS[act](answering(id, Number(match?.[3] ?? 0), request, reply))
  }

  #count(id: string): void {
    const count = (this.#uploads.get(id) ?? 0) + 1
    this.#uploads.set(id, count)
    if (count > 1) this.violations.push(`the origin got the upload ${id} ${count} times`)
  }

  #upload(id: string, request: FaultRequest, planned: PlannedRequest | undefined): void {
    // A head that expects a 100 may be sent again where a kept connection ended: without the body nothing was uploaded.
    if (request.headers.get('expect') === undefined) this.#count(id)
    else request.body.then(() => this.#count(id)).catch(() => undefined)
    if (planned === undefined) return
    const { bodyBytes } = planned
    const decoded = request.headers.get('x-amz-decoded-content-length')
    const announced = Number(decoded ?? request.headers.get('content-length') ?? Number.NaN)
    if (!Number.isNaN(announced) && announced !== bodyBytes)
      this.violations.push(`the upload ${id} has ${announced} bytes, ${bodyBytes} were sent`)
    request.body
      .then((bytes) => {
        const framed = decoded !== undefined || request.headers.get('transfer-encoding') !== undefined
        const same = !framed ? bytes.equals(bodyOf(planned)) : bytes.includes(bodyOf(planned).subarray(0, SURELY_WHOLE_BYTES))
        if (!same) this.violations.push(`the upload ${id} arrived with other bytes`)
      })
      .catch((error: unknown) => this.violations.push(String(error)))
  }
}

/** An origin that answers early never asks for the body. */
function askForBody(act: OriginAct, request: FaultRequest, reply: FaultReply): void {
  if (request.headers.get('expect') !== undefined && !act.startsWith('early')) reply.write('HTTP/1.1 100 Continue\r\n\r\n')
}

/** Of a framed body, so much stands in its first chunk. */
const SURELY_WHOLE_BYTES = 1000

/** The ways in which one request can be answered. */
interface Answering {
  readonly request: FaultRequest
  readonly reply: FaultReply
  readonly answer: (status?: number) => void
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Buffer
  readonly status: number
}

function answering(id: string, sizeBytes: number, request: FaultRequest, reply: FaultReply): Answering {
  const headers: Record<string, string | number> = {
    etag: `"${id}"`,
    'x-amz-meta-tag': id,
    'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
  }
  const reads = request.method === 'GET' || request.method === 'HEAD'
  if (!reads) return withBody({ id, request, reply, headers, body: Buffer.alloc(0), status: request.method === 'DELETE' ? 204 : 200 })
  const body = answerOf(id, sizeBytes)
  const ranged = request.headers.get('range') !== undefined
  if (ranged && sizeBytes === 0)
    return withBody({ id, request, reply, headers: { 'x-amz-meta-tag': id }, body: Buffer.from('<Error/>'), status: 416 })
  if (ranged) headers['content-range'] = `bytes 0-${sizeBytes - 1}/${sizeBytes}`
  return withBody({ id, request, reply, headers, body, status: ranged ? 206 : 200 })
}

function withBody(made: Omit<Answering, 'answer'> & { readonly id: string }): Answering {
  const { reply, headers, body, status } = made
  return {
    ...made,
    answer: (other) => {
      if (other === undefined) reply.answer(status, headers, body)
      else reply.answer(other, { 'x-amz-meta-tag': made.id, 'content-type': 'application/xml' }, '<Error><Code>AccessDenied</Code></Error>')
    },
  }
}

const SLOW_TURNS = 3

const ACTS: Readonly<Record<OriginAct, (how: Answering) => void | Promise<void>>> = {
  answer: async (how) => {
    await how.request.body
    how.answer()
  },
  slowly: async (how) => {
    await how.request.body
    for (let turn = 0; turn < SLOW_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
    how.answer()
  },
  'answer-end': async (how) => {
    await how.request.body
    how.answer()
    how.reply.end()
  },
  early: (how) => how.answer(),
  'early-refusal': (how) => how.answer(403),
  'early-deaf': (how) => {
    how.reply.stopReading()
    how.answer()
    // Nobody keeps a connection open that it does not read.
    how.reply.end()
  },
  'early-end': (how) => {
    how.answer()
    how.reply.end()
  },
  'early-reset': (how) => {
    how.answer()
    how.reply.reset()
  },
  drop: ({ reply }) => reply.reset(),
  'half-head': ({ reply }) => {
    reply.write('HTTP/1.1 200 OK\r\nx-amz-meta-tag: half')
    reply.end()
  },
  'half-body': (how) => {
    beginHalf(how)
    how.reply.reset()
  },
  'short-body': (how) => {
    beginHalf(how)
    how.reply.end()
  },
}

function beginHalf({ reply, status, headers, body }: Answering): void {
  reply.begin(status, { ...headers, 'content-length': body.length + 10 }, body.subarray(0, body.length / 2))
}

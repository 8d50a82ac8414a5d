import { sourceOf } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'

export type OriginAnswer = (request: OriginRequest) => OriginResponse | Promise<OriginResponse>

/** An origin that is a function of the test's, and remembers what it was asked. */
export class FunctionOrigin implements Origin {
  readonly name: string
  readonly requests: OriginRequest[] = []
  answer: OriginAnswer

  constructor(answer: OriginAnswer, name = 'origin') {
    this.answer = answer
    this.name = name
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    this.requests.push(request)
    return this.answer(request)
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }

  /** `GET bytes=0-9`, `HEAD`, …: what was asked since the last call, with the range and If-Match where there are any. */
  takeAsked(): string[] {
    return this.requests.splice(0).map(({ method, headers }) => {
      const range = headerValue(headers, 'range')
      const ifMatch = headerValue(headers, 'if-match')
      return [method, ...(range === undefined ? [] : [range]), ...(ifMatch === undefined ? [] : [`if-match ${ifMatch}`])].join(' ')
    })
  }
}

/** An answer with a Content-Length, unless `fields` say otherwise; `undefined` leaves a field out. */
export function reply(
  status: number,
  fields: Readonly<Record<string, string | undefined>> = {},
  body: Uint8Array | string = '',
): OriginResponse {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const headers = Object.entries({ 'content-length': String(bytes.length), ...fields }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  )
  return { status, headers, body: sourceOf(bytes) }
}

/** An S3 error as an origin answers it. */
export function errorReply(status: number, code: string, method = 'GET'): OriginResponse {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><RequestId>ORIGINERROR</RequestId></Error>`
  return reply(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'ORIGINERROR' }, method === 'HEAD' ? '' : xml)
}

/** Something that a test opens when it is time; whoever waits goes on then. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>()
  /** How many have come to it. */
  arrived = 0
  #arrivals: (() => void)[] = []

  async pass(): Promise<void> {
    this.arrived += 1
    for (const arrival of this.#arrivals.splice(0)) arrival()
    await this.#opened.promise
  }

  open(): void {
    this.#opened.resolve()
  }

  /** Resolves when at least `count` have come. */
  async reached(count = 1): Promise<void> {
    while (this.arrived < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve))
  }
}

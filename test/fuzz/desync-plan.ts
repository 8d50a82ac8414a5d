import { seededRandom } from '../../src/base/random.ts'

/** What the origin does when a request has come. The key of the request says it, so that the origin needs no other word. */
export const ORIGIN_ACTS = [
  /** Reads the body, then answers. */
  'answer',
  /** The same, after a few turns of the event loop. */
  'slowly',
  /** Answers, then closes its side in order: the connection may just have been chosen for the next request. */
  'answer-end',
  /** Answers before the body was read, and reads on. */
  'early',
  /** Refuses before the body was read, and reads on. */
  'early-refusal',
  /** Answers before the body was read, reads nothing of the rest and closes its side. */
  'early-deaf',
  'early-end',
  'early-reset',
  /** Goes without any answer. */
  'drop',
  'half-head',
  'half-body',
  /** Announces more than comes before the end of the connection. */
  'short-body',
] as const

export type OriginAct = (typeof ORIGIN_ACTS)[number]

/** After these an answer is due that is whole, unless a connection was closed under it. */
export const GOOD_ACTS: ReadonlySet<OriginAct> = new Set([
  'answer',
  'slowly',
  'answer-end',
  'early',
  'early-refusal',
  'early-deaf',
  'early-end',
])

export interface PlannedRequest {
  /** Tells its answer from every other; stands in the key. */
  readonly id: string
  readonly act: OriginAct
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly signature: 'right' | 'wrong' | 'none'
  /** How the body is framed. `chunked`: Transfer-Encoding around a plain body; `aws-chunked`: around S3's own framing. */
  readonly framing: 'none' | 'length' | 'chunked' | 'aws-chunked'
  readonly bodyBytes: number
  /** `Expect: 100-continue`, and whether the client waits for it. */
  readonly expect: 'none' | 'waits' | 'goes-on'
  readonly answerBytes: number
}

export interface PlannedConnection {
  readonly requests: readonly PlannedRequest[]
  /** Everything is written without waiting for answers. */
  readonly pipelined: boolean
  /** The share of what is to be sent after which the client goes without a word; undefined: it stays. */
  readonly leavesAt: number | undefined
  /** Where what is sent is cut into packets, as shares of it. */
  readonly cuts: readonly number[]
}

const BODY_SIZES = [0, 1, 17, 1000, 5000, 60_000, 70_000, 300_000]
/** More than sockets hold: then somebody waits. */
const LARGE_BODY_BYTES = 3_000_000
const LARGE_SHARE = 0.005
const ANSWER_SIZES = [0, 1, 100, 4096, 70_000]
/** Keys that many ask for, so that answers come from memory and from flights too. */
const SHARED_KEYS = 12
const REQUESTS_MAX = 6
const CONNECTIONS_MAX = 3

/** Case `index` of a run: what each client connection does, at the same time. */
export function planCase(seed: number, index: number): PlannedConnection[] {
  const planner = new Planner(seededRandom(seed ^ Math.imul(index + 1, 0x9e3779b1)), `c${seed.toString(36)}x${index}`)
  return Array.from({ length: 1 + planner.below(CONNECTIONS_MAX) }, (_, connection) => planner.connection(connection))
}

class Planner {
  readonly #random: () => number
  readonly #name: string

  constructor(random: () => number, name: string) {
    this.#random = random
    this.#name = name
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  connection(number: number): PlannedConnection {
    const pipelined = this.#chance(0.6)
    const count = 1 + this.below(REQUESTS_MAX)
    const requests = Array.from({ length: count }, (_, i) => this.#request(`${this.#name}n${number}r${i}`, pipelined))
    return {
      requests,
      pipelined,
      leavesAt: this.#chance(0.15) ? this.#random() : undefined,
      cuts: Array.from({ length: this.below(5) }, () => this.#random()).sort((a, b) => a - b),
    }
  }

  #request(id: string, pipelined: boolean): PlannedRequest {
    const method = this.#pick(['GET', 'GET', 'GET', 'HEAD', 'PUT', 'PUT', 'PUT', 'DELETE'] as const)
    const shared = (method === 'GET' || method === 'HEAD') && this.#chance(0.3)
    const framing = this.#framing(method)
    const bodyBytes = framing === 'none' ? 0 : this.#chance(LARGE_SHARE) ? LARGE_BODY_BYTES : this.#pick(BODY_SIZES)
    const act = this.#chance(0.5) ? 'answer' : this.#pick(ORIGIN_ACTS)
    return {
      id: shared ? `shared${this.below(SHARED_KEYS)}` : id,
      act: shared ? 'answer' : act,
      method,
      signature: this.#chance(0.8) ? 'right' : this.#pick(['wrong', 'none'] as const),
      framing,
      bodyBytes,
      expect: bodyBytes === 0 || this.#chance(0.7) ? 'none' : pipelined ? 'goes-on' : this.#pick(['waits', 'waits', 'goes-on'] as const),
      answerBytes: shared ? 4096 : this.#pick(ANSWER_SIZES),
    }
  }

  #framing(method: PlannedRequest['method']): PlannedRequest['framing'] {
    if (method === 'PUT') return this.#pick(['length', 'length', 'length', 'aws-chunked', 'aws-chunked', 'chunked', 'none'] as const)
    // A body that nobody asked for and nobody reads.
    return this.#chance(0.2) ? this.#pick(['length', 'chunked'] as const) : 'none'
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
}

/** The key that a request is for: what the origin shall do is a part of it. */
export function keyOf(request: PlannedRequest): string {
  return `${request.id}.${request.act}.${request.answerBytes}`
}

/** A request body that looks like requests: whoever reads it as such is out of step. */
export function bodyOf(request: PlannedRequest): Buffer {
  const bait = `GET /bucket/smuggled-${request.id}.answer.1 HTTP/1.1\r\nHost: h\r\n\r\n`
  return Buffer.alloc(request.bodyBytes, bait, 'latin1')
}

/** An answer's body, which looks like answers. */
export function answerOf(id: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, `HTTP/1.1 200 OK\r\nx-amz-meta-tag: forged-${id}\r\nContent-Length: 0\r\n\r\n`, 'latin1')
}

import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** The other worker is gone: it died, and the process ends with it, or it was closed. */
export class PeerGone extends Error {
  override readonly name = 'PeerGone'
}

/** More questions wait for one worker than are let wait. */
export class PeerBusy extends Error {
  override readonly name = 'PeerBusy'
}

/** Questions of one worker that may wait for another's answers. Each belongs to a client request, and those are limited first. */
const ASKS_MAX = 65_536

/**
 * Rounds of farewell. Before the first a worker says everything that it has to say, after it things that others handed over are given
 * back, and after the second that has arrived.
 */
const FAREWELLS = 2

/** A worker that has not left by then is not waited for. */
const FAREWELL_TIMEOUT_MS = 2_000

/** What goes from worker to worker. */
type PeerMessage<Note, Question, Answer> =
  | { readonly kind: 'note'; readonly note: Note }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: unknown }
  | { readonly kind: 'leaving'; readonly round: number }

/** What a worker does with what others send. All values must be structured-clonable. */
export interface PeerLinkOptions<Note, Question, Answer> {
  /** Ports to the other workers by their number; none at the own one. */
  readonly ports: readonly (MessagePort | undefined)[]
  readonly onNote: (from: number, note: Note) => void
  readonly onAsk: (from: number, question: Question) => Promise<Answer>
  /** An error's class does not survive the way to another thread: `pack` makes it a value, `unpack` an error again. */
  readonly pack: (error: unknown) => unknown
  readonly unpack: (failure: unknown) => Error
}

/** One worker's lines to all others: notes, and questions with answers. What one turn of the event loop sends goes as one message. */
export class PeerLink<Note, Question, Answer> {
  readonly #options: PeerLinkOptions<Note, Question, Answer>
  readonly #peers: readonly (Peer<Note, Question, Answer> | undefined)[]

  constructor(options: PeerLinkOptions<Note, Question, Answer>) {
    this.#options = options
    this.#peers = options.ports.map((port, worker) => (port === undefined ? undefined : new Peer(worker, port)))
    for (const [worker, port] of options.ports.entries()) {
      port?.on('message', (messages: readonly PeerMessage<Note, Question, Answer>[]) => {
        for (const message of messages) this.#take(worker, message)
      })
      port?.on('close', () => this.#peers[worker]?.lose())
    }
  }

  /** Sends a note; to a worker that is gone it goes nowhere. */
  note(worker: number, note: Note): void {
    this.#peers[worker]?.send({ kind: 'note', note })
  }

  /** Rejects with what the other worker's handler threw, with PeerGone, or with PeerBusy. */
  async ask(worker: number, question: Question): Promise<Answer> {
    const peer = this.#peers[worker]
    if (peer === undefined) throw new PeerGone(`Cannot ask worker ${worker}: there is no line to it`)
    return peer.ask(question)
  }

  /** Questions that wait for an answer; 0 after a drain. */
  get waiting(): number {
    return this.#peers.reduce((sum, peer) => sum + (peer?.waiting.size ?? 0), 0)
  }

  close(): void {
    for (const peer of this.#peers) peer?.close()
  }

  /** Closes when all others leave too, and nothing is on its way between them any more. */
  async leave(): Promise<void> {
    const peers = this.#peers.filter((peer) => peer !== undefined)
    for (let round = 0; round < FAREWELLS; round++) {
      for (const peer of peers) peer.send({ kind: 'leaving', round })
      await Promise.race([Promise.all(peers.map(async (peer) => peer.left(round))), delay(FAREWELL_TIMEOUT_MS)])
    }
    this.close()
  }

  #take(from: number, message: PeerMessage<Note, Question, Answer>): void {
    const peer = this.#peers[from]
    switch (message.kind) {
      case 'note':
        this.#options.onNote(from, message.note)
        return
      case 'ask':
        void this.#answer(from, message)
        return
      case 'answer':
        peer?.takeWaiting(message.id)?.resolve(message.answer)
        return
      case 'failure':
        peer?.takeWaiting(message.id)?.reject(this.#options.unpack(message.failure))
        return
      case 'leaving':
        peer?.noteLeft(message.round)
        return
    }
  }

  async #answer(from: number, ask: { readonly id: number; readonly question: Question }): Promise<void> {
    const peer = this.#peers[from]
    try {
      peer?.send({ kind: 'answer', id: ask.id, answer: await this.#options.onAsk(from, ask.question) })
    } catch (error) {
      peer?.send({ kind: 'failure', id: ask.id, failure: this.#options.pack(error) })
    }
  }
}

async function delay(timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref())
}

/** A channel between every two workers; `[a][b]` is a's end of the one to b. */
export function connectPairs(count: number): (MessagePort | undefined)[][] {
  const ends = Array.from({ length: count }, () => Array.from<MessagePort | undefined>({ length: count }))
  for (const [a, row] of ends.entries()) {
    for (let b = 0; b < a; b++) {
      const { port1, port2 } = new MessageChannel()
      row[b] = port1
      const other = ends[b]
      if (other !== undefined) other[a] = port2
    }
  }
  return ends
}

/** The line to one other worker. */
class Peer<Note, Question, Answer> {
  readonly waiting = new Map<number, PromiseWithResolvers<Answer>>()
  readonly #worker: number
  readonly #port: MessagePort
  #outbox: PeerMessage<Note, Question, Answer>[] = []
  #nextId = 1
  #gone = false
  readonly #farewells = Array.from({ length: FAREWELLS }, () => Promise.withResolvers<void>())

  constructor(worker: number, port: MessagePort) {
    this.#worker = worker
    this.#port = port
  }

  async ask(question: Question): Promise<Answer> {
    if (this.#gone) throw this.#goneError()
    if (this.waiting.size >= ASKS_MAX) {
      throw new PeerBusy(`Cannot ask worker ${this.#worker}: ${ASKS_MAX} questions wait for its answers already`)
    }
    const id = this.#nextId++
    const answer = Promise.withResolvers<Answer>()
    this.waiting.set(id, answer)
    this.send({ kind: 'ask', id, question })
    return answer.promise
  }

  send(message: PeerMessage<Note, Question, Answer>): void {
    if (this.#gone) return
    // A message costs tens of microseconds, most of them for waking the other thread: what this turn has to say goes together.
    if (this.#outbox.length === 0) setImmediate(() => this.#flush())
    this.#outbox.push(message)
  }

  takeWaiting(id: number): PromiseWithResolvers<Answer> | undefined {
    const answer = this.waiting.get(id)
    this.waiting.delete(id)
    return answer
  }

  /** Resolves when the other worker has said its farewell of a round, or is gone. */
  left(round: number): Promise<void> {
    return this.#farewells[round]?.promise ?? Promise.resolve()
  }

  noteLeft(round: number): void {
    this.#farewells[round]?.resolve()
  }

  /** The other end is closed: nobody answers any more. */
  lose(): void {
    this.#gone = true
    for (const farewell of this.#farewells) farewell.resolve()
    for (const answer of this.waiting.values()) answer.reject(this.#goneError())
    this.waiting.clear()
  }

  close(): void {
    this.#flush()
    this.#gone = true
    this.#port.close()
  }

  #flush(): void {
    if (this.#gone || this.#outbox.length === 0) return
    this.#port.postMessage(this.#outbox)
    this.#outbox = []
  }

  #goneError(): PeerGone {
    return new PeerGone(`Cannot ask worker ${this.#worker}: it is gone`)
  }
}

import { type Server, type Socket, connect, createServer } from 'node:net'

/**
 * A TCP relay in front of hotbucket that lets it be killed between requests: clients keep their connections, and what they send
 * meanwhile waits for the next process. It reads no HTTP but interim answers: a connection is between requests where the last
 * bytes came from the server and the server has no request in flight.
 */
export class Gate {
  readonly #server: Server
  readonly #lines = new Set<Line>()
  readonly #port: number
  #held = false
  /** Called while a request that deletes waits, before the server sees it. */
  beforeDelete: (() => Promise<unknown>) | undefined

  private constructor(port: number) {
    this.#port = port
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      const line = new Line(client, this.#port, this)
      this.#lines.add(line)
      client.once('close', () => this.#lines.delete(line))
    })
  }

  /** Listens on a port of its own; `port` is where hotbucket listens, before and after every restart. */
  static async listen(port: number): Promise<Gate> {
    const gate = new Gate(port)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    gate.#server.once('error', reject)
    gate.#server.listen(0, '127.0.0.1', resolve)
    await promise
    return gate
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('Cannot tell the port: the gate is closed')
    return address.port
  }

  get held(): boolean {
    return this.#held
  }

  /** Runs `step` while no request is under way; false where that did not come about within `timeoutMs`, and nothing was done. */
  async between(step: () => Promise<void>, inFlight: () => Promise<number>, timeoutMs: number): Promise<boolean> {
    this.#held = true
    const deadline = Date.now() + timeoutMs
    try {
      for (const line of this.#lines) line.holdWhereIdle()
      const isBusy = (): boolean => [...this.#lines].some((line) => !line.holding)
      // Once more after the question: a request that had to wait for the step before may have gone on meanwhile.
      while (isBusy() || (await inFlight()) > 0 || isBusy()) {
        if (Date.now() > deadline) return false
        await pause()
      }
      await step()
      return true
    } finally {
      this.#held = false
      for (const line of this.#lines) line.resume()
    }
  }

  /** Within a step: the server is about to die; that is not the clients' concern. */
  leaveServer(): void {
    for (const line of this.#lines) line.leaveServer()
  }

  close(): void {
    this.#server.close()
    for (const line of this.#lines) line.destroy()
  }
}

const POLL_MS = 5

async function pause(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, POLL_MS)
  return promise
}

/** The first line of a request that deletes objects. */
const DELETES = /^(?:DELETE |POST [^ ?]*\?delete)/

/** One client's connection, with the connection to hotbucket that it has at the moment. */
class Line {
  readonly #client: Socket
  readonly #port: number
  readonly #gate: Gate
  #server: Socket | undefined
  /** The client has sent something that was not answered yet. */
  #asked = false
  #ended = false
  /** What the client has sent of a request that deletes, while that has to wait. */
  #delayed: Buffer[] | undefined

  constructor(client: Socket, port: number, gate: Gate) {
    this.#client = client
    this.#port = port
    this.#gate = gate
    if (gate.held) client.pause()
    client.on('data', (chunk) => this.#fromClient(chunk))
    client.on('end', () => {
      this.#ended = true
      if (this.#server === undefined || this.#delayed !== undefined) client.end()
      else this.#server.end()
    })
    client.on('error', () => this.destroy())
    client.once('close', () => this.#server?.destroy())
  }

  get holding(): boolean {
    return !this.#asked
  }

  holdWhereIdle(): void {
    if (!this.#asked) this.#client.pause()
  }

  resume(): void {
    this.#client.resume()
  }

  /** The next request goes to the next server. What the old one has answered and the client has not taken yet stays on its way. */
  leaveServer(): void {
    this.#server?.removeAllListeners('close').removeAllListeners('end').end()
    this.#server = undefined
  }

  destroy(): void {
    this.#client.destroy()
    this.#server?.destroy()
  }

  #fromClient(chunk: Buffer): void {
    const { beforeDelete } = this.#gate
    if (this.#delayed !== undefined) this.#delayed.push(chunk)
    else if (!this.#asked && beforeDelete !== undefined && DELETES.test(chunk.toString('latin1', 0, 2_000))) {
      this.#delayed = [chunk]
      void this.#delay(beforeDelete)
    } else this.#toServer(chunk)
  }

  async #delay(step: () => Promise<unknown>): Promise<void> {
    await step()
    // No step begins meanwhile; and the end of a client that was held is seen only now.
    this.#asked = true
    this.#client.resume()
    await pause()
    this.#asked = false
    const chunks = this.#delayed ?? []
    this.#delayed = undefined
    // Who has given up waiting sends it again, and must find things as they were.
    if (this.#client.destroyed || this.#ended) return
    for (const chunk of chunks) this.#toServer(chunk)
  }

  #toServer(chunk: Buffer): void {
    this.#asked = true
    const server = (this.#server ??= this.#open())
    if (!server.write(chunk)) {
      this.#client.pause()
      server.once('drain', () => this.#client.resume())
    }
  }

  #open(): Socket {
    const server = connect({ port: this.#port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    server.on('data', (chunk) => {
      // After an interim answer it is the client's turn again, and the request is not over.
      if (!chunk.subarray(0, 12).toString('latin1').startsWith('HTTP/1.1 1')) this.#asked = false
      if (this.#gate.held && !this.#asked) this.#client.pause()
      if (!this.#client.write(chunk)) {
        server.pause()
        this.#client.once('drain', () => server.resume())
      }
    })
    server.on('end', () => this.#client.end())
    server.on('error', () => undefined)
    server.once('close', () => {
      if (this.#server === server) this.#client.destroySoon()
    })
    if (this.#ended) server.end()
    return server
  }
}

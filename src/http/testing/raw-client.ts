import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** A response as it was on the wire. */
export interface RawResponse {
  readonly status: number
  /** Names in lower case; the last one counts. */
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** A client for tests that sends exactly the bytes it is told to, and waits for what comes. */
export class RawClient {
  readonly socket: net.Socket
  /** The server closed its side, or the connection broke. */
  ended = false
  #pieces: Buffer[] = []
  #total = 0
  #wake: (() => void) | undefined = undefined

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => this.#add(bytes))
    socket.on('error', () => this.#end())
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
  }

  /** `allowHalfOpen`: this side stays open when the server ends. */
  static async connect(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, ...options })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  static async connectTls(port: number, options: tls.ConnectionOptions): Promise<RawClient> {
    const socket = tls.connect({ port, host: '127.0.0.1', ...options })
    const client = new RawClient(socket)
    await once(socket, 'secureConnect')
    return client
  }

  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** Waits until the kernel has what was sent. */
  async sent(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, () => resolve()))
  }

  /** The next final or interim response. `method` HEAD: no body follows. Throws where the connection ends before it is complete. */
  async response(method = 'GET'): Promise<RawResponse> {
    const headEnd = await this.#untilFound('\r\n\r\n')
    const lines = this.#take(headEnd + 4)
      .toString('latin1')
      .split('\r\n')
    const fields = new Map<string, string>()
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':')
      if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    const status = Number(lines[0]?.split(' ')[1])
    const bodyless = method === 'HEAD' || status === 304 || status === 204 || status < 200
    return { status, fields, body: bodyless ? Buffer.alloc(0) : await this.#body(fields) }
  }

  /** Everything until the server closes its side. */
  async rest(): Promise<Buffer> {
    while (!this.ended) await this.#more()
    return this.#take(this.#total)
  }

  /** At least `count` bytes, as many as are there. */
  async bytes(count: number): Promise<Buffer> {
    await this.#untilThere(count)
    return this.#take(this.#total)
  }

  destroy(): void {
    this.socket.destroy()
  }

  async #body(fields: ReadonlyMap<string, string>): Promise<Buffer> {
    if (fields.get('transfer-encoding') === 'chunked') return this.#chunks()
    const length = fields.get('content-length')
    if (length === undefined) return this.rest()
    await this.#untilThere(Number(length))
    return this.#take(Number(length))
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (;;) {
      const lineEnd = await this.#untilFound('\r\n')
      const size = Number.parseInt(this.#take(lineEnd + 2).toString('latin1'), 16)
      await this.#untilThere(size + 2)
      parts.push(this.#take(size))
      this.#take(2)
      if (size === 0) return Buffer.concat(parts)
    }
  }

  async #untilFound(text: string): Promise<number> {
    for (;;) {
      const at = this.#joined().indexOf(text)
      if (at >= 0) return at
      await this.#more()
    }
  }

  async #untilThere(count: number): Promise<void> {
    while (this.#total < count) await this.#more()
  }

  async #more(): Promise<void> {
    if (this.ended) throw new Error(`connection ended; left: ${JSON.stringify(this.#joined().toString('latin1', 0, 500))}`)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  #add(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#total += bytes.length
    this.#wake?.()
  }

  #end(): void {
    this.ended = true
    this.#wake?.()
  }

  #joined(): Buffer {
    const joined = Buffer.concat(this.#pieces, this.#total)
    this.#pieces = [joined]
    return joined
  }

  #take(count: number): Buffer {
    const joined = this.#joined()
    this.#pieces = [joined.subarray(count)]
    this.#total -= count
    return joined.subarray(0, count)
  }
}

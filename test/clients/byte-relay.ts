import { type Server, type Socket, connect, createServer } from 'node:net'

/**
 * A TCP relay in front of the origin that changes nothing and counts what the origin sends: the proof that a warm read
 * cost the origin no body.
 */
export class ByteRelay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #bytesFromOrigin = 0

  private constructor(originPort: number) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const origin = connect({ port: originPort, host: '127.0.0.1', noDelay: true })
      origin.on('data', (chunk) => (this.#bytesFromOrigin += chunk.length))
      for (const socket of [client, origin]) {
        this.#sockets.add(socket)
        socket.once('close', () => this.#sockets.delete(socket))
      }
      client.on('error', () => origin.destroy())
      origin.on('error', () => client.destroy())
      client.pipe(origin)
      origin.pipe(client)
    })
  }

  static async listen(originPort: number): Promise<ByteRelay> {
    const relay = new ByteRelay(originPort)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    relay.#server.once('error', reject)
    relay.#server.listen(0, '127.0.0.1', resolve)
    await promise
    return relay
  }

  get endpoint(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('Cannot tell the endpoint: the relay is closed')
    return `http://127.0.0.1:${address.port}`
  }

  get bytesFromOrigin(): number {
    return this.#bytesFromOrigin
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

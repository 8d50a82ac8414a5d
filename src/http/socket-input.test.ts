import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { SocketInput } from './socket-input.ts'

test('SocketInput reads accepted sockets into one shared buffer on this Node', async (t) => {
  const input = new SocketInput()
  const received: { bytes: Buffer; text: string }[] = []
  const shares: boolean[] = []
  const server = net.createServer((socket) => {
    const take = (bytes: Buffer): void => {
      received.push({ bytes, text: bytes.toString('latin1') })
      socket.write('!')
    }
    shares.push(input.listen(socket, take))
    socket.on('end', () => socket.end('end'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  for (const text of ['first', 'second']) {
    const client = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
    client.write(text)
    await once(client, 'data')
    client.end()
    const [last] = (await once(client, 'data')) as [Buffer]
    assert.equal(last.toString(), 'end')
  }
  assert.deepEqual(shares, [true, true])
  assert.deepEqual(
    received.map(({ text }) => text),
    ['first', 'second'],
  )
  assert.equal(received[0]?.bytes.buffer, received[1]?.bytes.buffer)
  assert.equal(received[0]?.bytes.toString('latin1'), 'secon')
})

test('SocketInput stops reading a paused socket and goes on when it is resumed', async (t) => {
  const input = new SocketInput()
  let size = 0
  const accepted = Promise.withResolvers<net.Socket>()
  const server = net.createServer((socket) => {
    input.listen(socket, (bytes) => {
      size += bytes.length
      socket.pause()
    })
    accepted.resolve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
  t.after(() => {
    client.destroy()
    server.close()
  })
  const total = 8 * 1024 * 1024
  client.end(Buffer.alloc(total))
  const socket = await accepted.promise
  for (let i = 0; i < 100; i += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(size <= 64 * 1024, `${size} bytes were read from a paused socket`)
  while (size < total) {
    socket.resume()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(size, total)
})

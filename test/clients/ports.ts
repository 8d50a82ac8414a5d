import { createServer } from 'node:net'

/** `count` different TCP ports of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(
      servers.map(async (server) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        server.once('error', reject)
        server.listen(0, '127.0.0.1', resolve)
        await promise
        const address = server.address()
        if (address === null || typeof address === 'string') throw new Error('Cannot pick a port: the server has no address')
        return address.port
      }),
    )
  } finally {
    for (const server of servers) server.close()
  }
}

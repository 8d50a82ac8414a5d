import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin, patternBytes } from '../support/memory-origin.ts'

const MIB = 1024 * 1024
const CLIENTS = 200
const SIZE_BYTES = 64 * MIB

const origin = new MemoryOrigin()
/** By the number of workers. */
const running = new Map<number, HotbucketProcess>()

before(async () => {
  const url = await origin.start()
  for (const workers of [1, 2]) {
    const args = ['--origin', url, '--anonymous', '--memory', '256MiB', '--log-level', 'warn', '--workers', String(workers)]
    // Nobody is cut for being slow: 200 clients in one process may be, on a machine that has other things to do.
    running.set(workers, await startHotbucket(args, { HOTBUCKET_LIMITS_BODY_RATE_WINDOW: '10m' }))
  }
})

after(async () => {
  for (const hotbucket of running.values()) await hotbucket.stop()
  await origin.stop()
})

/** A reader over a bare socket: compares the body as it comes, so that 200 of them are cheap. */
interface Reader {
  readonly done: Promise<{ status: string; length: number; same: boolean }>
  readonly firstByte: Promise<void>
  leave(): void
}

function read(url: URL, expected: Uint8Array): Reader {
  const { hostname, port, pathname } = url
  const socket = connect(Number(port), hostname)
  const first = Promise.withResolvers<void>()
  let same = true
  let head: string | undefined
  let pending = Buffer.alloc(0)
  let length = 0
  const body = (chunk: Buffer): void => {
    if (chunk.length === 0) return
    first.resolve()
    if (chunk.compare(expected, length, length + chunk.length) !== 0) same = false
    length += chunk.length
  }
  socket.on('data', (chunk: Buffer) => {
    if (head !== undefined) return body(chunk)
    pending = Buffer.concat([pending, chunk])
    const end = pending.indexOf('\r\n\r\n')
    if (end === -1) return
    head = pending.subarray(0, end).toString('latin1')
    body(pending.subarray(end + 4))
  })
  socket.on('error', () => undefined)
  const done = new Promise<{ status: string; length: number; same: boolean }>((resolve) => {
    socket.on('close', () => resolve({ status: head?.split('\r\n', 1)[0] ?? '', length, same }))
  })
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`)
  return { done, firstByte: first.promise, leave: () => socket.destroy() }
}

for (const workers of [1, 2]) {
  test(`200 clients of a cold 64 MiB object, ${workers} workers: each byte leaves the origin once, all stream before the fill ends, the first one leaves unnoticed`, async () => {
    const path = `/big/cold-${workers}.bin`
    const url = new URL(path, running.get(workers)?.endpoint)
    const sentBefore = origin.sentBytes()
    const seenBefore = origin.seen.length
    const version = origin.putPattern(path, SIZE_BYTES)
    const expected = patternBytes(version, 0, SIZE_BYTES)
    const gate = Promise.withResolvers<void>()
    origin.beforePiece = async (seen) => {
      // The first MiB of the object flows; the rest waits until every client has its first byte.
      if (seen.sentBytes >= MIB || (seen.range !== undefined && !seen.range.startsWith('bytes=0-'))) await gate.promise
    }
    const leader = read(url, expected)
    await leader.firstByte
    const followers = Array.from({ length: CLIENTS - 1 }, () => read(url, expected))
    await Promise.all(followers.map(async (follower) => follower.firstByte))
    assert.ok(origin.sentBytes() - sentBefore < SIZE_BYTES, 'every client had its first byte before the fill ended')
    leader.leave()
    gate.resolve()
    for (const answer of await Promise.all(followers.map(async (follower) => follower.done))) {
      assert.deepEqual(answer, { status: 'HTTP/1.1 200 OK', length: SIZE_BYTES, same: true })
    }
    assert.equal(origin.sentBytes() - sentBefore, SIZE_BYTES, 'each byte left the origin once')
    for (const seen of origin.seen.slice(seenBefore + 1)) assert.equal(seen.ifMatch, `"v${version}"`)
  })
}

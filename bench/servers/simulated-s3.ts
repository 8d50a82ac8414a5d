/**
 * A plain server of generated objects behind a simulated wide-area link: what direct readers read from and what hotbucket has for an
 * origin, in the same run. Signatures are not looked at. Run as a process: `node simulated-s3.ts PORT LATENCY_MS BYTES_PER_SECOND`;
 * without the last two there is no link.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

import { systemClock } from '../../src/base/clock.ts'
import { BODILESS, type Origin } from '../../src/origin/origin.ts'
import { SlowOrigin } from '../../src/origin/slow-origin.ts'
import { GeneratedOrigin } from './generated-origin.ts'

const BUCKET = /^\/([^/?]+)\/([^?]*)/
/** Longer than any run. */
const IDLE_MS_MAX = 3_600_000

async function answer(origin: Origin, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController()
  outgoing.on('close', () => gone.abort(new Error('client left')))
  const [, bucket, rawKey] = BUCKET.exec(incoming.url ?? '') ?? []
  const headers = incoming.headers.range === undefined ? [] : ['range', incoming.headers.range]
  const asked = { method: incoming.method ?? '', bucket, rawKey, rawQuery: '', headers, ...BODILESS, signal: gone.signal }
  const { status, headers: fields, body } = await origin.send(asked)
  outgoing.writeHead(status, [...fields])
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    if (!outgoing.write(piece)) await drained(outgoing)
  }
  outgoing.end()
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done).off('close', done)
      resolve()
    }
    outgoing.on('drain', done).on('close', done)
  })
}

const [port, latencyMs, bytesPerSecond] = process.argv.slice(2).map(Number)
const generated = new GeneratedOrigin()
const origin =
  latencyMs === undefined || bytesPerSecond === undefined
    ? generated
    : new SlowOrigin(generated, { latencyMs, bytesPerSecond }, systemClock)
const server = createServer({ keepAliveTimeout: IDLE_MS_MAX, noDelay: true }, (incoming, outgoing) => {
  answer(origin, incoming, outgoing).catch(() => outgoing.destroy())
})
server.listen(port, '127.0.0.1')

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Agent, request } from 'undici'

import type { ObjectSet } from './objects.ts'
import { authority, type BenchServer } from '../servers/server.ts'

/** Certificates are made for the run and signed by nobody. */
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })

/**
 * Reads every object through the server and compares it with its file, then all of them again: a benchmark of wrong bytes is worth
 * nothing. Throws at the first difference. `hitWord`: what the second answers' Cache-Status must contain; undefined: not looked at.
 */
export async function warmUp(server: BenchServer, root: string, set: ObjectSet, hitWord: string | undefined): Promise<void> {
  for (const path of set.paths) await readAndCompare(server, root, path)
  for (const path of set.paths) {
    const cacheStatus = await readAndCompare(server, root, path)
    if (hitWord !== undefined && !cacheStatus.includes(hitWord)) {
      throw new Error(`Cannot measure hits of ${server.name}: a second read of "${path}" answered Cache-Status "${cacheStatus}"`)
    }
  }
}

/** Throws unless the server refuses a request: a server that checks no signatures would win a signed comparison for nothing. */
export async function expectRefusal(server: BenchServer, path: string, headers: string[]): Promise<void> {
  const { statusCode, body } = await request(urlOf(server, path), { headers, dispatcher })
  await body.dump()
  if (statusCode !== 403)
    throw new Error(`Cannot measure signed reads of ${server.name}: a wrong signature was answered with ${statusCode}`)
}

function urlOf(server: BenchServer, path: string): string {
  return `${server.tls ? 'https' : 'http'}://${authority(server)}${path}`
}

/** Gives the answer's Cache-Status, empty where there is none. */
async function readAndCompare(server: BenchServer, root: string, path: string): Promise<string> {
  const wanted = await readFile(join(root, path))
  const { statusCode, headers, body } = await request(urlOf(server, path), { dispatcher })
  const bytes = Buffer.from(await body.arrayBuffer())
  if (statusCode !== 200 || !bytes.equals(wanted)) {
    throw new Error(
      `Cannot measure ${server.name}: "${path}" gave ${statusCode} and ${bytes.length} bytes, not the file's ${wanted.length}`,
    )
  }
  return String(headers['cache-status'] ?? '')
}

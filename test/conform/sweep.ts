import { difference } from '../clients/corpus.ts'
import type { TestOrigin } from '../clients/origins/test-origin.ts'
import { type Reply, ReferenceClient } from '../clients/reference-client.ts'
import type { TouchedObject } from './front.ts'

export interface SweepResult {
  readonly objects: number
  /** Of those, how many the cache answered for. */
  readonly cached: number
  readonly bytes: number
  readonly differences: readonly string[]
}

/** Fields of a cached head that must be those of the origin. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['cache-status', 'connection', 'date', 'keep-alive', 'server', 'x-amz-request-id', 'x-amz-id-2', 'age'])

interface SweepOptions {
  readonly origin: TestOrigin
  readonly endpoint: string
  /** In a mode that validates every hit nothing is answered unasked, so the objects are read as anyone would. */
  readonly askOrigin: boolean
}

/**
 * Compares what is cached with the origin: every object that was ever asked for is read with `only-if-cached`, head and body, and
 * what comes must be what the origin gives at this moment.
 */
export async function sweep(objects: readonly TouchedObject[], options: SweepOptions): Promise<SweepResult> {
  const direct = new ReferenceClient(options.origin.endpoint, options.origin.credentials)
  const through = new ReferenceClient(options.endpoint, options.origin.credentials)
  const headers: Record<string, string> = options.askOrigin ? {} : { 'cache-control': 'only-if-cached' }
  let [cached, bytes] = [0, 0]
  const differences: string[] = []
  try {
    for (const { bucket, key } of objects) {
      for (const method of ['HEAD', 'GET']) {
        const ours = await through.send({ method, bucket, key, headers })
        if (ours.status === 504) continue
        if (method === 'GET') [cached, bytes] = [cached + 1, bytes + ours.body.length]
        const wrong = wrongWith(ours, await direct.send({ method, bucket, key }))
        if (wrong !== undefined) differences.push(`${method} ${bucket}/${key}: ${wrong}`)
      }
    }
  } finally {
    direct.close()
    through.close()
  }
  return { objects: objects.length, cached, bytes, differences }
}

function wrongWith(ours: Reply, theirs: Reply): string | undefined {
  if (ours.status !== theirs.status) return `status ${ours.status}, at the origin ${theirs.status}`
  if (ours.status >= 300) return undefined
  const names = new Set([...Object.keys(ours.headers), ...Object.keys(theirs.headers)])
  const changed = [...names].filter((name) => !OWN_FIELDS.has(name) && ours.headers[name] !== theirs.headers[name])
  if (changed.length > 0) {
    return changed.map((name) => `${name} "${String(ours.headers[name])}", at the origin "${String(theirs.headers[name])}"`).join('; ')
  }
  return difference(ours.body, theirs.body)
}

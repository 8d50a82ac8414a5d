import http, { type IncomingMessage } from 'node:http'
import type { Check, CheckGroup, Trial } from '../trial.ts'
import { hashOf } from '../transcript.ts'

const MIB = 1024 * 1024

interface Race {
  readonly sizeBytes: number
  /** The object was read before the race. */
  readonly warm: boolean
  /** What is read of it. */
  readonly range?: string
  readonly meanwhile: (t: Trial, at: { Bucket: string; Key: string }, s3: ReturnType<Trial['plainClient']>) => Promise<unknown>
}

/** The reader has the head and its first bytes, then the object changes, then the reader goes on. */
function race({ sizeBytes, warm, range, meanwhile }: Race): Check {
  return async (t) => {
    const at = t.at()
    await t.s3.putObject({ ...at, Body: Buffer.alloc(sizeBytes, 'A') })
    if (warm) await t.s3.getObject(at)
    const s3 = t.plainClient()
    const answer = await begin(t, range)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        if (chunks.length === 1) await t.may(meanwhile(t, at, s3))
      }
      t.note(`${answer.headers.etag}: ${hashOf(Buffer.concat(chunks))}`)
    } catch {
      t.note(`${answer.headers.etag}: broken off`)
    }
    await t.look()
    s3.destroy()
  }
}

/** The head of an answer to GET, its body still to be read. */
async function begin(t: Trial, range: string | undefined): Promise<IncomingMessage> {
  const headers = t.raw.signed({ method: 'GET', path: t.path(), ...(range === undefined ? {} : { headers: { range } }) })
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  http.get(`${t.endpoint}${t.path()}`, { headers, agent: false }, resolve).once('error', reject)
  return promise
}

const overwrite: Race['meanwhile'] = async (_t, at, s3) => s3.putObject({ ...at, Body: Buffer.alloc(3 * MIB, 'B') })
const remove: Race['meanwhile'] = async (_t, at, s3) => s3.deleteObject(at)

const reads: Record<string, Check> = {}
for (const [size, sizeBytes] of [
  ['1 MiB', MIB],
  ['4 MiB', 4 * MIB],
  ['8 MiB', 8 * MIB],
] as const) {
  for (const warm of [false, true]) {
    const name = `${warm ? 'a warm' : 'a cold'} read of ${size}`
    reads[`${name}, overwritten`] = race({ sizeBytes, warm, meanwhile: overwrite })
    reads[`${name}, deleted`] = race({ sizeBytes, warm, meanwhile: remove })
  }
  reads[`a range of ${size}, overwritten`] = race({ sizeBytes, warm: false, range: `bytes=100-${sizeBytes - 100}`, meanwhile: overwrite })
}

/** One of these wins, and everybody sees which. */
const writers: Check = async (t) => {
  const s3 = t.plainClient()
  await t.s3.putObject({ ...t.at(), Body: 'before' })
  await t.look()
  for (let round = 0; round < 5; round++) {
    await Promise.all(['A', 'B', 'C'].map(async (letter) => s3.putObject({ ...t.at(), Body: Buffer.alloc(2 * MIB, letter) })))
    const bodies: string[] = []
    for (let i = 0; i < 3; i++) {
      const { Body } = await s3.getObject(t.at())
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
      bodies.push(bytes.length === 2 * MIB && bytes.every((byte) => byte === bytes[0]) ? 'whole' : 'mixed')
      bodies.push(String.fromCharCode(bytes[0] ?? 0))
    }
    t.note(`${bodies[0]} ${new Set(bodies).size}`)
  }
  s3.destroy()
}

/** Writers under the condition that nothing is there: one may win. */
const creators: Check = async (t) => {
  const s3 = t.plainClient()
  for (let round = 0; round < 5; round++) {
    const at = t.at(`new ${round}`)
    await t.may(t.s3.getObject(at))
    const answers = await Promise.allSettled(
      ['A', 'B', 'C'].map(async (letter) => s3.putObject({ ...at, Body: Buffer.alloc(MIB, letter), IfNoneMatch: '*' })),
    )
    t.note(`${answers.filter((one) => one.status === 'fulfilled').length} created it`)
    t.note(`${(await s3.headObject(at)).ContentLength}`)
  }
  s3.destroy()
}

/** A part is replaced while the upload is being completed elsewhere: what is read is what was completed. */
const parts: Check = async (t) => {
  const { UploadId } = await t.s3.createMultipartUpload(t.at())
  const at = { ...t.at(), UploadId, PartNumber: 1 }
  for (const letter of ['A', 'B']) {
    const { ETag } = await t.s3.uploadPart({ ...at, Body: Buffer.alloc(6 * MIB, letter) })
    await t.reads(async () => t.s3.getObject(t.at()))
    if (letter === 'B')
      await t.may(t.s3.completeMultipartUpload({ ...t.at(), UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }))
  }
  await t.look()
}

export const raceChecks: CheckGroup = {
  name: 'races',
  checks: { ...reads, 'three writers': writers, 'three creators': creators, 'a part is sent again': parts },
}

import { readFile } from 'node:fs/promises'
import { curlUrl, withoutSignature } from '../adapters/curl.ts'
import type { ActionArgs } from '../client.ts'
import { type Specimen, difference, keySpecimens, sizeSpecimens, specimen } from '../corpus.ts'
import { plainEtag } from '../reference-client.ts'
import type { Checks } from './checks.ts'

const MIB = 1024 * 1024

/** Fields of a HEAD that a cache has no business changing. */
const KEPT_FIELDS = ['content-length', 'content-type', 'etag', 'last-modified', 'x-amz-meta-made-by', 'accept-ranges'] as const

interface RangeCase {
  readonly label: string
  readonly first: number
  readonly last?: number
}

const RANGES: readonly RangeCase[] = [
  { label: 'first byte', first: 0, last: 0 },
  { label: 'across 1 MiB', first: MIB - 1, last: MIB },
  { label: 'to the end', first: 1_000_000 },
  { label: 'suffix', first: -1_000 },
  { label: 'past the end', first: 100, last: 64 * MIB },
]

/** Lists and reads: cold, warm, by ranges, over several connections, under conditions, by presigned URLs. */
export async function checkReads(checks: Checks): Promise<void> {
  const everything = [...sizeSpecimens('sizes/'), ...keySpecimens('')]
  const ranged = [specimen('1 MiB+1', 'range/1.bin', MIB + 1), specimen('20 MiB', 'range/20.bin', 20 * MIB)]
  const multi = specimen('20 MiB', 'multi/20.bin', 20 * MIB)
  const fresh = [specimen('fresh, 0 B', 'fresh/0.bin', 0), specimen('fresh, 1 MiB', 'fresh/1.bin', MIB)]
  const presigned = [
    specimen('4 KiB', 'presigned/plain.bin', 4096),
    specimen('5 MiB', 'presigned/large.bin', 5 * MIB),
    ...keySpecimens('presigned/'),
  ]
  await checks.seed([...everything, ...ranged, multi, ...fresh, ...presigned])

  await checkList(checks)
  for (const one of fresh) await checkHead(checks, one, 'cold')
  for (const one of everything) {
    await checkGet(checks, one)
    await checkHead(checks, one, 'warm')
  }
  for (const one of ranged) await checkRanges(checks, one)
  await checkMulti(checks, multi)
  await checkConditions(checks, everything[2] ?? multi)
  for (const one of presigned) await checkPresignedGet(checks, one)
}

async function checkList(checks: Checks): Promise<void> {
  const args = checks.args({ file: checks.newFile() })
  await checks.check('ls', 'whole bucket', { action: 'list', args }, async () => {
    const { bucket, client, direct, session } = checks.context
    const { listed = [] } = await session.act('list', args)
    const got = new Set(listed.map(({ key, sizeBytes }) => `${sizeBytes} ${key}`))
    const want = new Set<string>()
    for (const { key, sizeBytes } of await direct.list(bucket)) {
      const shown = client.listedAs === undefined ? key : client.listedAs(key)
      if (shown !== undefined) want.add(`${sizeBytes} ${shown}`)
    }
    const wrong = [
      ...[...want].filter((line) => !got.has(line)).map((line) => `missing: ${line}`),
      ...[...got].filter((line) => !want.has(line)).map((line) => `not there: ${line}`),
    ]
    if (wrong.length > 0) throw new Error(`the list differs from the origin's:\n${wrong.join('\n')}`)
  })
}

async function checkHead(checks: Checks, one: Specimen, state: 'cold' | 'warm'): Promise<void> {
  const args = checks.args({ key: one.key, file: checks.newFile() })
  const { bucket, direct, session, through } = checks.context
  await checks.check('head', one.label, { action: 'head', args }, async () => {
    const answer = await session.act('head', args)
    if (answer.sizeBytes !== one.body.length) throw new Error(`head "${one.key}" says ${answer.sizeBytes} bytes, wanted ${one.body.length}`)
    const etag = plainEtag(one.body)
    if (answer.etag !== undefined && answer.etag !== etag && `"${answer.etag}"` !== etag)
      throw new Error(`head "${one.key}" says ETag ${answer.etag}, wanted ${etag}`)
    if (state === 'warm') checks.expectHit(answer, `warm head of "${one.key}"`)
    if (through === undefined) return
    const [ours, theirs] = [await through.head(bucket, one.key), await direct.head(bucket, one.key)]
    const changed = KEPT_FIELDS.filter((name) => ours.headers[name] !== theirs.headers[name])
    if (ours.status !== theirs.status || changed.length > 0) {
      const fields = changed.map((name) => `${name}: "${String(ours.headers[name])}", at the origin "${String(theirs.headers[name])}"`)
      throw new Error(`head "${one.key}" differs: status ${ours.status} (${theirs.status}) ${fields.join('; ')}`)
    }
  })
}

async function checkGet(checks: Checks, one: Specimen): Promise<void> {
  const args = checks.args({ key: one.key })
  await checks.check('get', one.label, { action: 'get', args }, async () => {
    await checks.read('get', { key: one.key }, one.body)
  })
  await checks.check('warm', one.label, { action: 'get', args }, async () => {
    await checks.readWarm('get', { key: one.key }, one.body)
  })
}

/** Every range twice: most are cold at first, each is warm then. */
async function checkRanges(checks: Checks, one: Specimen): Promise<void> {
  for (const state of ['cold', 'warm'] as const) {
    for (const { label, ...range } of RANGES) {
      const more = { key: one.key, sizeBytes: one.body.length, ...range }
      const start = range.first < 0 ? one.body.length + range.first : range.first
      const expected = one.body.subarray(start, range.last === undefined ? undefined : range.last + 1)
      await checks.check('range', `${one.label}, ${label}, ${state}`, { action: 'range', args: checks.args(more) }, async () => {
        await (state === 'warm' ? checks.readWarm('range', more, expected) : checks.read('range', more, expected))
      })
    }
  }
}

async function checkMulti(checks: Checks, one: Specimen): Promise<void> {
  const more = { key: one.key, sizeBytes: one.body.length }
  const needs = { action: 'multi', args: checks.args(more) } as const
  await checks.check('multi', `${one.label}, cold`, needs, async () => {
    await checks.read('multi', more, one.body)
  })
  await checks.check('multi', `${one.label}, warm`, needs, async () => {
    await checks.readWarm('multi', more, one.body)
  })
}

async function checkConditions(checks: Checks, one: Specimen): Promise<void> {
  const etag = plainEtag(one.body)
  const other = plainEtag(Buffer.from('another'))
  const cases: readonly (readonly [string, Partial<ActionArgs>, number])[] = [
    ['If-None-Match, same', { ifNoneMatch: etag }, 304],
    ['If-None-Match, other', { ifNoneMatch: other }, 200],
    ['If-Match, same', { ifMatch: etag }, 200],
    ['If-Match, other', { ifMatch: other }, 412],
  ]
  for (const [label, condition, wanted] of cases) {
    const args = checks.args({ key: one.key, file: checks.newFile(), ...condition })
    await checks.check('if', label, { action: 'conditional', args }, async () => {
      const { status } = await checks.context.session.act('conditional', args)
      if (status !== wanted) throw new Error(`status ${status}, wanted ${wanted}`)
      const wrong = wanted === 200 ? difference(await readFile(args.file ?? ''), one.body) : undefined
      if (wrong !== undefined) throw new Error(wrong)
    })
  }
}

async function checkPresignedGet(checks: Checks, one: Specimen): Promise<void> {
  const args = checks.args({ key: one.key })
  await checks.check('presign', `GET ${one.label}`, { action: 'presignGet', args }, async () => {
    const { url = '' } = await checks.context.session.act('presignGet', args)
    for (const state of ['cold', 'warm'] as const) {
      const file = checks.newFile()
      const answer = await curlUrl(url, file, ['-o', file], { home: checks.context.workDirectory, caFile: checks.context.caFile })
      const body = await readFile(file)
      if (answer.status !== 200)
        throw new Error(
          `${state} GET of the presigned URL: status ${answer.status} ${body.toString('utf8').slice(0, 400)}\n${withoutSignature(url)}`,
        )
      const wrong = difference(body, one.body)
      if (wrong !== undefined) throw new Error(`${state} GET of the presigned URL: ${wrong}`)
      if (state === 'warm') checks.expectHit(answer, 'warm GET of the presigned URL')
    }
  })
}

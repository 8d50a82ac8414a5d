import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const MIB = 1024 * 1024
const SIZES: Readonly<Record<string, number>> = { 'an empty object': 0, '1 byte': 1, '10 bytes': 10, '2 MiB and 5 bytes': 2 * MIB + 5 }

const RANGES: readonly string[] = [
  'bytes=0-0',
  'bytes=0-4',
  'bytes=4-9',
  'bytes=0-',
  'bytes=5-',
  'bytes=-1',
  'bytes=-5',
  'bytes=-100',
  'bytes=-0',
  'bytes=9-9',
  'bytes=10-',
  'bytes=10-20',
  'bytes=5-100',
  'bytes=4-2',
  'bytes=0-0,2-3',
  'bytes=0-1, 4-5',
  'bytes=,0-1',
  'bytes= 0-1',
  'bytes=0 - 1',
  'bytes=a-b',
  'bytes=abc',
  'bytes=',
  'bytes=-',
  'bytes=--1',
  'bytes=0-1-2',
  'bytes=0x0-0x5',
  'bytes=00-01',
  'bytes=18446744073709551615-18446744073709551616',
  'bytes=0-99999999999999999999999999',
  'Bytes=0-1',
  'bytes 0-1',
  'items=0-1',
  '0-1',
  'bytes=1048575-1048576',
  'bytes=1048576-',
  'bytes=-1048577',
]

async function readRange(t: Trial, range: string): Promise<void> {
  for (let i = 0; i < 2; i++) await t.may(t.send({ method: 'GET', path: t.path('body'), headers: { range } }))
  await t.may(t.send({ method: 'HEAD', path: t.path('body'), headers: { range } }))
}

function ranged(range: string, sizeBytes: number, warm: boolean): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at('body'), Body: bodyOf('ranged', sizeBytes), ContentType: 'text/x', Metadata: { of: 'whole' } })
    if (warm) await t.s3.getObject(t.at('body'))
    await readRange(t, range)
  }
}

const checks: Record<string, Check> = {}
for (const [label, sizeBytes] of Object.entries(SIZES)) {
  for (const range of RANGES) {
    if (sizeBytes < 1000 && /10485/.test(range)) continue
    for (const state of ['cold', 'warm']) checks[`"${range}" of ${label}, ${state}`] = ranged(range, sizeBytes, state === 'warm')
  }
}

export const rangeChecks: CheckGroup = {
  name: 'ranges',
  checks: {
    ...checks,
    'a range of a missing key': async (t) => t.may(t.send({ method: 'GET', path: t.path(), headers: { range: 'bytes=0-1' } })),
    'two Range fields': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'abcdefghij' })
      await t.may(t.send({ method: 'GET', path: t.path(), headers: { range: 'bytes=0-1' }, unsigned: { Range: 'bytes=2-3' } }))
    },
    'an unsigned Range field': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'abcdefghij' })
      await t.reads(async () => t.send({ method: 'GET', path: t.path(), unsigned: { range: 'bytes=2-3' } }))
    },
  },
}

import { createHash } from 'node:crypto'
import type { Check, CheckGroup } from '../trial.ts'

const BODY = 'conditional body'
const ETAG = `"${createHash('md5').update(BODY).digest('hex')}"`
const BARE = ETAG.slice(1, -1)
const OTHER = '"d41d8cd98f00b204e9800998ecf8427e"'
const PAST = 'Sat, 01 Jan 2000 00:00:00 GMT'
const FUTURE = 'Fri, 01 Jan 2100 00:00:00 GMT'
/** Stands for the object's own Last-Modified. */
const SAME = 'same'

const CONDITIONS: readonly Readonly<Record<string, string>>[] = [
  { 'if-match': ETAG },
  { 'if-match': BARE },
  { 'if-match': OTHER },
  { 'if-match': '*' },
  { 'if-match': `${OTHER}, ${ETAG}` },
  { 'if-match': `W/${ETAG}` },
  { 'if-match': '"unfinished' },
  { 'if-match': '' },
  { 'if-none-match': ETAG },
  { 'if-none-match': BARE },
  { 'if-none-match': OTHER },
  { 'if-none-match': '*' },
  { 'if-none-match': `${OTHER}, ${ETAG}` },
  { 'if-none-match': `${OTHER},${ETAG}` },
  { 'if-none-match': `W/${ETAG}` },
  { 'if-none-match': ETAG.toUpperCase() },
  { 'if-modified-since': PAST },
  { 'if-modified-since': FUTURE },
  { 'if-modified-since': SAME },
  { 'if-modified-since': 'not a date' },
  { 'if-modified-since': '2000-01-01T00:00:00Z' },
  { 'if-modified-since': 'Saturday, 01-Jan-00 00:00:00 GMT' },
  { 'if-modified-since': 'Sat Jan  1 00:00:00 2000' },
  { 'if-modified-since': '0' },
  { 'if-unmodified-since': PAST },
  { 'if-unmodified-since': FUTURE },
  { 'if-unmodified-since': SAME },
  { 'if-unmodified-since': 'not a date' },
  { 'if-match': ETAG, 'if-unmodified-since': PAST },
  { 'if-match': ETAG, 'if-none-match': ETAG },
  { 'if-match': ETAG, 'if-none-match': OTHER },
  { 'if-match': OTHER, 'if-none-match': OTHER },
  { 'if-match': OTHER, 'if-unmodified-since': FUTURE },
  { 'if-match': ETAG, 'if-modified-since': FUTURE },
  { 'if-match': OTHER, 'if-modified-since': PAST },
  { 'if-none-match': ETAG, 'if-modified-since': PAST },
  { 'if-none-match': ETAG, 'if-modified-since': FUTURE },
  { 'if-none-match': OTHER, 'if-modified-since': FUTURE },
  { 'if-none-match': OTHER, 'if-modified-since': SAME },
  { 'if-none-match': ETAG, 'if-unmodified-since': PAST },
  { 'if-none-match': OTHER, 'if-unmodified-since': PAST },
  { 'if-modified-since': PAST, 'if-unmodified-since': PAST },
  { 'if-modified-since': FUTURE, 'if-unmodified-since': FUTURE },
  { 'if-match': OTHER, range: 'bytes=0-3' },
  { 'if-match': ETAG, range: 'bytes=0-3' },
  { 'if-match': ETAG, range: 'bytes=100-' },
  { 'if-match': OTHER, range: 'bytes=100-' },
  { 'if-none-match': ETAG, range: 'bytes=0-3' },
  { 'if-none-match': ETAG, range: 'bytes=100-' },
  { 'if-none-match': OTHER, range: 'bytes=0-3' },
  { 'if-modified-since': SAME, range: 'bytes=0-3' },
  { 'if-unmodified-since': PAST, range: 'bytes=0-3' },
  { 'if-range': ETAG, range: 'bytes=0-3' },
  { 'if-range': OTHER, range: 'bytes=0-3' },
  { 'if-range': BARE, range: 'bytes=0-3' },
  { 'if-range': `W/${ETAG}`, range: 'bytes=0-3' },
  { 'if-range': SAME, range: 'bytes=0-3' },
  { 'if-range': PAST, range: 'bytes=0-3' },
  { 'if-range': FUTURE, range: 'bytes=0-3' },
  { 'if-range': OTHER, range: 'bytes=100-' },
  { 'if-range': ETAG },
]

function conditional(condition: Readonly<Record<string, string>>, method: 'GET' | 'HEAD', warm: boolean): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: BODY, CacheControl: 'max-age=5', Expires: new Date('2027-01-01'), Metadata: { a: 'b' } })
    // Asked of the origin by a part so small that it leaves the rest cold.
    const { LastModified } = await t.s3.headObject(t.at('object'))
    if (warm) await t.s3.getObject(t.at())
    const same = LastModified?.toUTCString() ?? ''
    const headers = Object.fromEntries(Object.entries(condition).map(([name, value]) => [name, value === SAME ? same : value]))
    for (let i = 0; i < 2; i++) await t.may(t.send({ method, path: t.path(), headers }))
  }
}

const checks: Record<string, Check> = {}
for (const condition of CONDITIONS) {
  const label = Object.entries(condition)
    .map(([name, value]) => `${name} ${value === ETAG ? 'its ETag' : value === OTHER ? 'another ETag' : value}`)
    .join(', ')
  checks[`GET ${label}, cold`] = conditional(condition, 'GET', false)
  checks[`GET ${label}, warm`] = conditional(condition, 'GET', true)
  checks[`HEAD ${label}`] = conditional(condition, 'HEAD', true)
}

const missing: Check = async (t) => {
  for (const condition of [
    { 'if-match': ETAG },
    { 'if-none-match': ETAG },
    { 'if-match': '*' },
    { 'if-none-match': '*' },
    { 'if-modified-since': PAST },
  ]) {
    for (const method of ['GET', 'HEAD']) await t.may(t.send({ method, path: t.path(), headers: condition }))
  }
}

export const conditionChecks: CheckGroup = {
  name: 'conditions',
  checks: { ...checks, 'conditions on a missing key': missing },
}

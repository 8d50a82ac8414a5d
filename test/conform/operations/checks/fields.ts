import { oldSignature } from '../old-signature.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

type Headers = Readonly<Record<string, string>>

/** What is unusual about a request. */
interface Oddity {
  /** Signed where the signature covers fields at all. */
  readonly signed?: Headers
  /** Set after signing; also in the place of what the signer made. */
  readonly after?: Headers
  /** Left out after signing. */
  readonly without?: string
}

const BODY = 'some bytes'

/** Every field of a request that a client may get wrong, in the forms in which clients get it wrong. */
const ODDITIES: Readonly<Record<string, Oddity>> = {
  nothing: {},
  'an empty Content-MD5': { signed: { 'content-md5': '' } },
  'a short Content-MD5': { signed: { 'content-md5': 'YWJj' } },
  'a Content-MD5 of something else': { signed: { 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' } },
  'a Content-MD5 that is no base64': { signed: { 'content-md5': '*not base64*' } },
  'a Content-MD5 that is unreadable': { signed: { 'content-md5': '\x07' } },
  'an empty Expect': { after: { expect: '' } },
  'an Expect of something else': { after: { expect: '200' } },
  'an Expect that is unreadable': { after: { expect: '\x07' } },
  'an empty Content-Length': { after: { 'content-length': '' } },
  'a negative Content-Length': { after: { 'content-length': '-1' } },
  'a Content-Length that is no number': { after: { 'content-length': 'ten' } },
  'a Content-Length with a sign': { after: { 'content-length': '+10' } },
  'a signed Content-Length': { signed: { 'content-length': String(BODY.length) } },
  'a Content-Length that is too small': { after: { 'content-length': String(BODY.length - 1) } },
  'no Content-Length': { without: 'content-length' },
  'an empty Content-Type': { signed: { 'content-type': '' } },
  'a plain Content-Type': { signed: { 'content-type': 'text/plain' } },
  'a Content-Type that is none': { signed: { 'content-type': 'nonsense' } },
  'an empty Authorization': { after: { authorization: '' } },
  'a blank Authorization': { after: { authorization: ' ' } },
  'an Authorization without parts': { after: { authorization: 'AWS4-HMAC-SHA256' } },
  'an old Authorization without a key': { after: { authorization: 'AWS' } },
  'an old Authorization without a signature': { after: { authorization: 'AWS HOTBUCKETTESTORIGIN0' } },
  'an old Authorization of nobody': { after: { authorization: 'AWS AKIAIGR7ZNNBHC5BKSUB:FWeDfwojDSdS2Ztmpfeubhd9isU=' } },
  'an old Authorization with an empty signature': { after: { authorization: 'AWS HOTBUCKETTESTORIGIN0:' } },
  'an Authorization that is unreadable': { after: { authorization: '\x07' } },
  'no Authorization': { without: 'authorization' },
  'an empty User-Agent': { signed: { 'user-agent': '' } },
  'a signed User-Agent': { signed: { 'user-agent': 'conform/1.0' } },
  'a Date beside x-amz-date': { signed: { date: new Date().toUTCString() } },
  'an unsigned Date beside x-amz-date': { after: { date: new Date().toUTCString() } },
  'a Date of long ago beside x-amz-date': { after: { date: 'Tue, 07 Jul 2009 21:53:04 GMT' } },
  'a Date that is none beside x-amz-date': { after: { date: 'Bad Date' } },
  'no date at all': { without: 'x-amz-date' },
  'a Date instead of x-amz-date': { after: { date: new Date().toUTCString() }, without: 'x-amz-date' },
  'an empty x-amz-date': { after: { 'x-amz-date': '' } },
  'an x-amz-date that is none': { after: { 'x-amz-date': 'Bad Date' } },
  'an x-amz-date of another form': { after: { 'x-amz-date': new Date().toUTCString() } },
  'an x-amz-date of 1950': { after: { 'x-amz-date': '19500707T215304Z' } },
  'an x-amz-date of 9999': { after: { 'x-amz-date': '99990707T215304Z' } },
  'an ACL that nobody knows': { signed: { 'x-amz-acl': 'public-ready' } },
  'no content hash': { without: 'x-amz-content-sha256' },
  'an unsigned field of ours': { after: { 'x-amz-meta-late': '1' } },
}

interface Target {
  readonly method: string
  readonly path: (t: Trial) => string
  readonly body: string
  readonly check: (t: Trial) => Promise<unknown>
}

const look = async (t: Trial): Promise<unknown> => t.look()
const TARGETS: Readonly<Record<string, Target>> = {
  'PUT of an object': { method: 'PUT', path: (t) => t.path(), body: BODY, check: look },
  'GET of an object': { method: 'GET', path: (t) => t.path(), body: '', check: look },
  'DELETE of an object': { method: 'DELETE', path: (t) => t.path(), body: '', check: look },
  'PUT of a bucket': {
    method: 'PUT',
    path: (t) => `/${t.bucket}`,
    body: '',
    check: async (t) => t.may(t.s3.headBucket({ Bucket: t.bucket })),
  },
  'GET of a bucket': { method: 'GET', path: (t) => `/${t.bucket}`, body: '', check: async () => undefined },
}

/** Servers answer and close; only one that waits for more of a body makes a check wait this long. */
const QUIET_MS = 2_000

/** Status and code of all answers to text on a connection of its own, interim ones too. */
async function exchange(t: Trial, text: string): Promise<void> {
  const answer = await t.raw.bytes(text, QUIET_MS)
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)
  // Servers refuse what is no HTTP before any code of S3's could say why.
  const code = statuses.at(-1) === '400' ? /<Code>(?!InvalidRequest)(.*?)<\/Code>/ : /<Code>(.*?)<\/Code>/
  t.note(`${statuses.join(' ') || 'no answer'} ${code.exec(answer)?.[1] ?? ''}`)
}

function render(line: string, headers: Headers, body: string): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `${[line, ...fields].join('\r\n')}\r\n\r\n${body}`
}

/** The object is warm, so that what should not get through could. */
function odd(target: Target, oddity: Oddity, sign: (t: Trial, target: Target, signed: Headers) => Headers): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before' })
    await t.s3.getObject(t.at())
    const length: Headers = target.body === '' ? {} : { 'content-length': String(target.body.length) }
    const all: Headers = { ...length, ...sign(t, target, oddity.signed ?? {}), ...oddity.after, connection: 'close' }
    const headers = Object.fromEntries(Object.entries(all).filter(([name]) => name !== oddity.without))
    await exchange(t, render(`${target.method} ${target.path(t)} HTTP/1.1`, headers, target.body))
    await target.check(t)
  }
}

const version4 = (t: Trial, { method, path, body }: Target, headers: Headers): Headers =>
  t.raw.signed({ method, path: path(t), headers, body: Buffer.from(body) })

/** The same by the signature that Ceph's own clients may still use. */
const version2 = (t: Trial, { method, path }: Target, headers: Headers): Headers => {
  const date = headers['date'] ?? new Date().toUTCString()
  const signature = oldSignature({ method, resource: path(t), when: date, headers }, t.credentials)
  return { host: t.raw.host, ...headers, date, authorization: `AWS ${t.credentials.accessKeyId}:${signature}` }
}

/** They announce a body, so only requests that have one can be sent with them. */
const OF_BODIES: ReadonlySet<string> = new Set(['a signed Content-Length', 'a Content-Length that is too small'])

function fitting(target: Target, oddities: Readonly<Record<string, Oddity>>): [string, Oddity][] {
  return Object.entries(oddities).filter(([name]) => target.body !== '' || !OF_BODIES.has(name))
}

/** Dates by which version 2 judges a request. */
const OLD_ODDITIES: Readonly<Record<string, Oddity>> = {
  'an empty Date': { after: { date: '' } },
  'a Date that is none': { after: { date: 'Bad Date' } },
  'a Date that is unreadable': { after: { date: '\x07' } },
  'a signed Date of 2010': { signed: { date: 'Tue, 07 Jul 2010 21:53:04 GMT' } },
  'a signed Date of 1950': { signed: { date: 'Tue, 07 Jul 1950 21:53:04 GMT' } },
  'a signed Date of 9999': { signed: { date: 'Tue, 07 Jul 9999 21:53:04 GMT' } },
  'no Date': { without: 'date' },
}

export const fieldChecks: CheckGroup = {
  name: 'fields',
  checks: Object.fromEntries(
    Object.entries(TARGETS).flatMap(([what, target]) => [
      ...fitting(target, ODDITIES).map(([name, oddity]) => [`${what} with ${name}`, odd(target, oddity, version4)] as const),
      ...fitting(target, { ...ODDITIES, ...OLD_ODDITIES }).map(
        ([name, oddity]) => [`${what} by version 2 with ${name}`, odd(target, oddity, version2)] as const,
      ),
    ]),
  ),
}

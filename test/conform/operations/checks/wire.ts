import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

interface Written {
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly more?: readonly string[]
  readonly body?: string
}

function render({ line, headers, more = [], body = '' }: Written): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `${[line, ...fields, ...more].join('\r\n')}\r\n\r\n${body}`
}

/** Statuses, and bodies by their first bytes, of all answers on one connection. */
function summarize(text: string): string {
  return (
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)]
      .map(([, status]) => status)
      .filter((status, i, all) => status !== '100' || all[i - 1] !== '100')
      .join(' ') || 'no answer'
  )
}

async function exchange(t: Trial, text: string): Promise<void> {
  t.note(summarize(await t.raw.bytes(text)))
}

function signedGet(t: Trial, more: readonly string[] = [], line?: string): string {
  return render({ line: line ?? `GET ${t.path()} HTTP/1.1`, headers: t.raw.signed({ method: 'GET', path: t.path() }), more })
}

function onWire(make: (t: Trial) => string): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'on the wire' })
    await t.s3.getObject(t.at())
    await exchange(t, make(t))
    await t.look()
  }
}

function expecting(value: string, more: Partial<Parameters<Trial['send']>[0]> = {}): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before' })
    await t.may(t.send({ method: 'PUT', path: t.path(), unsigned: { expect: value }, body: bodyOf('expected', 200_000), ...more }))
    await t.look()
  }
}

/** Head alone: what is said before any of the body was sent. */
function asked(place: (t: Trial) => string, sign: 'header' | 'none', secretAccessKey?: string): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before' })
    const path = place(t)
    const credentials = secretAccessKey === undefined ? t.credentials : { ...t.credentials, secretAccessKey }
    const headers = t.raw.signed({ method: 'PUT', path, sign, credentials, unsigned: {}, headers: { 'x-amz-meta-asked': '1' } })
    await exchange(t, render({ line: `PUT ${path} HTTP/1.1`, headers, more: ['Content-Length: 123', 'Expect: 100-continue'] }))
    await t.look()
  }
}

export const wireChecks: CheckGroup = {
  name: 'wire',
  checks: {
    'Expect: 100-continue': expecting('100-continue'),
    'Expect: 100-continue with a wrong secret': expecting('100-continue', {
      credentials: { accessKeyId: 'HOTBUCKETTESTORIGIN0', secretAccessKey: 'no', region: 'us-east-1' },
    }),
    'Expect: 100-continue without a signature': expecting('100-continue', { sign: 'none' }),
    'Expect: 100-continue to a missing bucket': async (t) =>
      t.may(
        t.send({
          method: 'PUT',
          path: '/hotbucket-conform-no-such-bucket/x',
          unsigned: { expect: '100-continue' },
          body: bodyOf('expected', 200_000),
        }),
      ),
    'Expect: 100-continue, head alone': asked((t) => t.path(), 'header'),
    'Expect: 100-continue, head alone, without a signature': asked((t) => t.path(), 'none'),
    'Expect: 100-continue, head alone, with a wrong secret': asked((t) => t.path(), 'header', 'no'),
    'Expect: 100-continue, head alone, to a missing bucket': asked(() => '/hotbucket-conform-no-such-bucket/x', 'header'),
    'PUT in chunks with a signed hash': async (t) => {
      await t.may(t.send({ method: 'PUT', path: t.path(), body: bodyOf('chunks', 100_000), chunked: true }))
      await t.look()
    },
    'two requests in one write': onWire((t) => signedGet(t) + signedGet(t, ['Connection: close'])),
    'a lower-case field name': onWire((t) => signedGet(t).replace('host:', 'HOST:')),
    'an absolute target': onWire((t) => signedGet(t, [], `GET ${t.endpoint}${t.path()} HTTP/1.1`)),
    'HTTP/1.0': onWire((t) => signedGet(t, [], `GET ${t.path()} HTTP/1.0`)),
    'Connection: close': onWire((t) => signedGet(t, ['Connection: close'])),
    'an empty User-Agent': onWire((t) => signedGet(t, ['User-Agent: '])),
    'no Host': onWire((t) => signedGet(t).replace(/host: [^\r]*\r\n/, '')),
    'a GET with a body': onWire((t) => `${signedGet(t, ['Content-Length: 5', 'Connection: close'])}hello`),
    'a HEAD keeps the connection': onWire((t) => {
      const head = render({ line: `HEAD ${t.path()} HTTP/1.1`, headers: t.raw.signed({ method: 'HEAD', path: t.path() }) })
      return head + signedGet(t, ['Connection: close'])
    }),
    'PUT without a length': onWire((t) =>
      render({ line: `PUT ${t.path()} HTTP/1.1`, headers: t.raw.signed({ method: 'PUT', path: t.path() }), more: ['Connection: close'] }),
    ),
    'PUT with an empty length': onWire((t) =>
      render({
        line: `PUT ${t.path()} HTTP/1.1`,
        headers: t.raw.signed({ method: 'PUT', path: t.path() }),
        more: ['Content-Length: ', 'Connection: close'],
      }),
    ),
    'PUT with a negative length': onWire((t) =>
      render({
        line: `PUT ${t.path()} HTTP/1.1`,
        headers: t.raw.signed({ method: 'PUT', path: t.path() }),
        more: ['Content-Length: -1', 'Connection: close'],
      }),
    ),
    'PUT with an unreadable length': onWire((t) =>
      render({
        line: `PUT ${t.path()} HTTP/1.1`,
        headers: t.raw.signed({ method: 'PUT', path: t.path() }),
        more: ['Content-Length: abc', 'Connection: close'],
      }),
    ),
    'Accept-Encoding: gzip': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'a'.repeat(5000), ContentType: 'text/plain' })
      await t.reads(async () => t.send({ method: 'GET', path: t.path(), unsigned: { 'accept-encoding': 'gzip, deflate, br' } }))
    },
    'Cache-Control: no-cache and others': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'fresh' })
      for (const value of ['no-cache', 'no-store', 'max-age=0', 'max-age=100'])
        await t.reads(async () => t.send({ method: 'GET', path: t.path(), unsigned: { 'cache-control': value } }))
    },
    'many reads on few connections': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: bodyOf('many', 300_000) })
      const replies = await Promise.all(Array.from({ length: 40 }, async () => t.raw.send({ method: 'GET', path: t.path() })))
      t.note([...new Set(replies.map((reply) => `${reply.status} ${t.transcript.body(reply.body, reply.status)}`))].join('; '))
    },
  },
}

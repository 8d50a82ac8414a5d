import type { Check, CheckGroup, Trial } from '../trial.ts'

type Raw = Parameters<Trial['send']>[0]

/** A request that should not get through; the object is warm, so that a cache could give it away. */
function refused(more: Partial<Raw>): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'secret text' })
    await t.s3.getObject(t.at())
    for (const method of ['GET', 'HEAD']) await t.may(t.send({ method, path: t.path(), ...more }))
    await t.may(t.send({ method: 'PUT', path: t.path(), body: Buffer.from('overwritten'), ...more }))
    await t.may(t.send({ method: 'DELETE', path: t.path(), ...more }))
    await t.may(t.s3.getObject(t.at()))
  }
}

/** Signed properly, then one field is changed or left out. */
function tampered(change: (headers: Record<string, string>) => Record<string, string>): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'secret text' })
    await t.s3.getObject(t.at())
    const headers = change(t.raw.signed({ method: 'GET', path: t.path() }))
    await t.may(t.send({ method: 'GET', path: t.path(), sign: 'none', headers }))
  }
}

const without = (name: string): Check => tampered((headers) => Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name)))
const replaced = (name: string, value: string): Check => tampered((headers) => ({ ...headers, [name]: value }))
const inAuthorization = (from: RegExp, to: string): Check =>
  tampered((headers) => ({ ...headers, authorization: (headers['authorization'] ?? '').replace(from, to) }))

const HOUR_MS = 3_600_000

export const refusalChecks: CheckGroup = {
  name: 'refusals',
  checks: {
    'a wrong secret': refused({ credentials: { accessKeyId: 'HOTBUCKETTESTORIGIN0', secretAccessKey: 'wrong', region: 'us-east-1' } }),
    'an unknown key': refused({ credentials: { accessKeyId: 'NOSUCHKEYATALL', secretAccessKey: 'wrong', region: 'us-east-1' } }),
    'no signature': refused({ sign: 'none' }),
    'a clock an hour ago': refused({ now: new Date(Date.now() - HOUR_MS) }),
    'a clock in an hour': refused({ now: new Date(Date.now() + HOUR_MS) }),
    'a clock last year': refused({ now: new Date(Date.now() - 365 * 24 * HOUR_MS) }),
    'a changed path': refused({ afterSigning: (target) => `${target}x` }),
    'one more parameter': refused({ afterSigning: (target) => `${target}?versions` }),
    'one more field': refused({ unsigned: { 'x-amz-meta-unsigned': '1' } }),
    'no Authorization': without('authorization'),
    'no date': without('x-amz-date'),
    'no content hash': without('x-amz-content-sha256'),
    'an empty Authorization': replaced('authorization', ''),
    'an Authorization of another kind': replaced('authorization', 'Basic Zm9vOmJhcg=='),
    'an Authorization that is nonsense': replaced('authorization', 'AWS4-HMAC-SHA256 nonsense'),
    'an Authorization that is unreadable': replaced('authorization', '\x07'),
    'an empty date': replaced('x-amz-date', ''),
    'a date that is nonsense': replaced('x-amz-date', 'Bad Date'),
    'a date before time': replaced('x-amz-date', '19500707T215304Z'),
    'a date after time': replaced('x-amz-date', '99990707T215304Z'),
    'a hash that is nonsense': replaced('x-amz-content-sha256', 'nonsense'),
    'another host': replaced('host', 'other.example.com'),
    'a signature of zeros': inAuthorization(/Signature=\w+/, `Signature=${'0'.repeat(64)}`),
    'a short signature': inAuthorization(/Signature=\w+/, 'Signature=00'),
    'no signature in Authorization': inAuthorization(/, Signature=\w+/, ''),
    'no signed fields': inAuthorization(/SignedHeaders=[^,]+/, 'SignedHeaders='),
    'another region': inAuthorization(/us-east-1/, 'eu-west-1'),
    'another service': inAuthorization(/\/s3\//, '/ec2/'),
    'another day': inAuthorization(/\/\d{8}\//, '/20200101/'),
    'no credential': inAuthorization(/Credential=[^,]+, ?/, ''),
    'an unknown algorithm': inAuthorization(/AWS4-HMAC-SHA256/, 'AWS4-HMAC-SHA512'),
    'signature version 2': async (t) => {
      const headers = { authorization: 'AWS HOTBUCKETTESTORIGIN0:c2lnbmF0dXJl', date: new Date().toUTCString() }
      return refused({ sign: 'none', headers })(t)
    },
    'another region, signed': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x' })
      await t.may(t.send({ method: 'GET', path: t.path(), credentials: { ...t.credentials, region: 'eu-central-1' } }))
    },
    'a session token that is not ours': refused({ headers: { 'x-amz-security-token': 'foo' } }),
    'an unknown method': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'still there' })
      await t.look()
      for (const method of ['PATCH', 'PROPFIND', 'TRACE', 'OPTIONS', 'LINK']) await t.may(t.send({ method, path: t.path() }))
      await t.look()
    },
    'POST to an object': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'still there' })
      await t.look()
      await t.may(t.send({ method: 'POST', path: t.path(), body: Buffer.from('x') }))
      await t.look()
    },
    'unknown sub-resources': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'whole' })
      for (const name of ['foo', 'website', 'policy', 'metadataTable', 'encryption']) {
        await t.reads(async () => t.send({ method: 'GET', path: t.path(), query: { [name]: '' } }))
        await t.may(t.send({ method: 'HEAD', path: t.path(), query: { [name]: '' } }))
        await t.may(t.send({ method: 'GET', path: `/${t.bucket}`, query: { [name]: '' } }))
      }
    },
    'the service with a POST': async (t) =>
      t.may(t.send({ method: 'POST', path: '/', body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-15') })),
    'malformed XML': async (t) => {
      for (const sub of ['versioning', 'tagging', 'lifecycle', 'cors', 'acl', 'policy', 'website', 'object-lock']) {
        await t.may(t.send({ method: 'PUT', path: `/${t.bucket}`, query: { [sub]: '' }, body: Buffer.from('<Bad') }))
      }
    },
  },
}

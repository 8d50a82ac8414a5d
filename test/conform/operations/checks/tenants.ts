import type { Check, CheckGroup, Trial } from '../trial.ts'

/** Who asks: the account that hotbucket knows, one of a tenant, or nobody. */
type Who = 'main' | 'tenant' | 'nobody'
const EVERYBODY: readonly Who[] = ['main', 'tenant', 'nobody']

async function ask(t: Trial, who: Who, request: { readonly method: string; readonly path: string; readonly body?: string }): Promise<void> {
  const { body, ...rest } = request
  const by = { main: {}, tenant: { credentials: t.tenant }, nobody: { sign: 'none' } }[who] as Partial<Parameters<Trial['send']>[0]>
  await t.may(t.send({ ...rest, ...by, ...(body === undefined ? {} : { body: Buffer.from(body) }) }))
}

/** Everybody reads by every name that the object may have, twice. */
async function readAll(t: Trial, bucket: string, key = 'k'): Promise<void> {
  for (const name of [bucket, `:${bucket}`, `tenant1:${bucket}`]) {
    for (const who of [...EVERYBODY, ...EVERYBODY]) await ask(t, who, { method: 'GET', path: `/${encodeURIComponent(name)}/${key}` })
    for (const who of EVERYBODY) await ask(t, who, { method: 'HEAD', path: `/${encodeURIComponent(name)}/${key}` })
  }
}

const open = { 'x-amz-acl': 'public-read-write' }

/** Buckets of one name, one outside of all tenants, one in the tenant; who asks, and by which name, says which is meant. */
function namesakes(acl: Readonly<Record<string, string>>): Check {
  return async (t) => {
    const bucket = await t.ownBucket()
    if (acl['x-amz-acl'] !== undefined) await t.s3.putBucketAcl({ Bucket: bucket, ACL: 'public-read-write' })
    await t.may(t.send({ method: 'PUT', path: `/${bucket}`, headers: acl, credentials: t.tenant }))
    for (const [who, credentials] of [
      ['main', t.credentials],
      ['tenant', t.tenant],
    ] as const)
      await t.may(t.send({ method: 'PUT', path: `/${bucket}/k`, headers: acl, credentials, body: Buffer.from(`of ${who}`) }))
    await readAll(t, bucket)
    for (const name of [bucket, `:${bucket}`, `tenant1:${bucket}`]) {
      for (const who of EVERYBODY) {
        await ask(t, who, { method: 'PUT', path: `/${encodeURIComponent(name)}/k`, body: `by ${who} as ${name.replace(bucket, 'it')}` })
        await readAll(t, bucket)
      }
      await ask(t, 'main', { method: 'DELETE', path: `/${encodeURIComponent(name)}/k` })
      await readAll(t, bucket)
    }
    await ask(t, 'main', { method: 'GET', path: `/%3A${bucket}` })
    await ask(t, 'tenant', { method: 'GET', path: `/%3A${bucket}` })
    await ask(t, 'main', { method: 'GET', path: `/tenant1%3A${bucket}` })
  }
}

/** A copy whose source is named with its tenant. */
const copied: Check = async (t) => {
  const bucket = await t.ownBucket()
  await t.s3.putObject({ Bucket: bucket, Key: 'source', Body: 'copy me' })
  await t.s3.putObject({ Bucket: bucket, Key: 'k', Body: 'before' })
  await readAll(t, bucket)
  for (const source of [`:${bucket}/source`, `tenant1:${bucket}/source`, `${bucket}/source`]) {
    await t.may(t.send({ method: 'PUT', path: `/${bucket}/k`, headers: { 'x-amz-copy-source': encodeURIComponent(source) } }))
    await readAll(t, bucket)
  }
}

/** The whole bucket is opened and shut by its other name. */
const shut: Check = async (t) => {
  const bucket = await t.ownBucket()
  await t.s3.putObject({ Bucket: bucket, Key: 'k', Body: 'behind a policy' })
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
  const body = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource }] })
  await readAll(t, bucket)
  await t.may(t.send({ method: 'PUT', path: `/%3A${bucket}`, query: { policy: '' }, body: Buffer.from(body) }))
  await readAll(t, bucket)
  await ask(t, 'tenant', { method: 'GET', path: `/%3A${bucket}` })
  await t.may(t.send({ method: 'DELETE', path: `/%3A${bucket}`, query: { policy: '' } }))
  await readAll(t, bucket)
}

export const tenantChecks: CheckGroup = {
  name: 'tenants',
  tenants: true,
  checks: {
    'two buckets of one name': namesakes({}),
    'two buckets of one name, open to all': namesakes(open),
    'copies between tenants': copied,
    'a policy for a tenant': shut,
  },
}

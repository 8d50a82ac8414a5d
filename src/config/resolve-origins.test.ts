import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { Config } from './config.ts'
import type { FlagValues } from './gather.ts'
import { loadConfig, type LoadResult } from './load.ts'
import { formatProblem } from './problem.ts'
import { resolveClients } from './resolve-clients.ts'
import { resolveOrigins } from './resolve-origins.ts'
import { configSchema } from './schema.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'AKENV', AWS_SECRET_ACCESS_KEY: 'env-secret' }

function load(flags: FlagValues, env: Readonly<Record<string, string>> = {}): LoadResult {
  return loadConfig({ file: undefined, flags, env, directory: tmpdir(), machine: { memoryBytes: 2 ** 40, cores: 2, sharesPorts: true } })
}

function config(flags: FlagValues, env: Readonly<Record<string, string>> = {}): Config {
  const result = load(flags, env)
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'))
  return result.config
}

/** Resolves a whole tree in memory; gives what came out and what was reported. */
function resolve(tree: object, env: Readonly<Record<string, string>> = {}) {
  const problems: string[] = []
  const notes: string[] = []
  const raw = configSchema.parse(tree)
  const scope = {
    env,
    report: (place: readonly PropertyKey[], _: string | undefined, wanted: string) => problems.push(`${place.join('.')}: ${wanted}`),
    note: (text: string) => notes.push(text),
  }
  const origins = resolveOrigins(raw, scope)
  return { origins, clients: resolveClients(raw, origins, scope), problems, notes }
}

function credentialsOf(flags: FlagValues, env: Readonly<Record<string, string>>): string {
  const origin = config(flags, env).origins[0]
  return origin?.kind === 's3' ? origin.credentials.kind : 'none'
}

test('an S3 origin without credentials uses the default chain', () => {
  assert.equal(credentialsOf({ origin: 'http://h' }, KEYS), 'default-chain')
})

test('an S3 origin without credentials is asked unsigned where clients are anonymous and AWS_* says nothing', () => {
  const flags = { origin: 'http://h', anonymous: true }
  assert.equal(credentialsOf(flags, {}), 'unsigned')
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_FULL_URI']) {
    assert.equal(credentialsOf(flags, { [name]: 'x' }), 'default-chain', name)
  }
  const result = load(flags)
  assert.match(result.ok ? result.warnings.join() : '', /Origin "default": requests go up unsigned/)
})

test('the region comes from the option, then the AWS host name, then AWS_REGION, then us-east-1', () => {
  const region = (flags: FlagValues, env = {}) => {
    const origin = config({ anonymous: true, ...flags }, env).origins[0]
    return origin?.kind === 's3' ? origin.region : undefined
  }
  assert.equal(region({ origin: 'https://s3.eu-west-1.amazonaws.com', originRegion: 'x-1' }), 'x-1')
  assert.equal(region({ origin: 'https://s3.eu-west-1.amazonaws.com' }, { AWS_REGION: 'y-1' }), 'eu-west-1')
  assert.equal(region({ origin: 'https://s3.dualstack.us-gov-west-1.amazonaws.com' }), 'us-gov-west-1')
  assert.equal(region({ origin: 'https://s3.cn-north-1.amazonaws.com.cn' }), 'cn-north-1')
  assert.equal(region({ origin: 'https://s3.amazonaws.com' }), 'us-east-1')
  assert.equal(region({ origin: 'http://h' }, { AWS_REGION: 'y-1', AWS_DEFAULT_REGION: 'z-1' }), 'y-1')
  assert.equal(region({ origin: 'http://h' }, { AWS_DEFAULT_REGION: 'z-1' }), 'z-1')
})

test('same key: the credentials of an origin may do everything with its buckets, and nothing else', () => {
  const key = { accessKeyId: 'AK', secretAccessKey: 'S', sessionToken: 'T' }
  const { clients, problems } = resolve(
    {
      origins: [
        { name: 'a', url: 'http://a', buckets: ['a-*'], ...key },
        { name: 'b', url: 'http://b', buckets: ['b'], ...key },
        { name: 'c', url: 'http://c', buckets: ['c-*'] },
      ],
    },
    KEYS,
  )
  assert.deepEqual(problems, [])
  const actions = ['read', 'read-version', 'write', 'delete', 'delete-version', 'list', 'admin']
  const everything = (bucket: string) => ({ bucket, prefix: '', actions })
  assert.deepEqual(clients, [
    { ...key, grants: [everything('a-*'), everything('b')], sameKey: true },
    { accessKeyId: 'AKENV', secretAccessKey: 'env-secret', sessionToken: undefined, grants: [everything('c-*')], sameKey: true },
  ])
})

test('same key: origins of different keys may not share buckets', () => {
  const origin = (name: string, bucket: string) => ({ name, url: 'http://h', buckets: [bucket], accessKeyId: name, secretAccessKey: 'S' })
  assert.match(resolve({ origins: [origin('a', 'x-*'), origin('b', '*-y')] }).problems.join(), /"a" and "b" have some in common/)
  assert.deepEqual(resolve({ origins: [origin('a', 'x-*'), origin('b', 'y-*')] }).problems, [])
})

test('same key: a key that is not known beforehand is a problem that says what to do', () => {
  for (const env of [{}, { AWS_ACCESS_KEY_ID: 'x' }, { ...KEYS, AWS_PROFILE: 'p' }]) {
    const result = load({ origin: 'http://h' }, env)
    assert.ok(!result.ok)
    assert.match(formatProblem(result.problems[0]!), /list `clients` with their keys, or pass --anonymous/)
  }
  assert.match(
    resolve({ origins: [{ name: 'u', url: 'http://h', credentials: 'unsigned' }] }, KEYS).problems.join(),
    /its requests are unsigned/,
  )
})

test('with anonymous and no clients there are no client keys', () => {
  assert.deepEqual(config({ origin: 'http://h', anonymous: true }, KEYS).clients, [])
})

test('contradictions inside an origin are reported', () => {
  const problemsOf = (origin: object) => resolve({ anonymous: true, origins: [{ name: 'o', ...origin }] }).problems.join()
  assert.match(problemsOf({}), /`url` or `directory`/)
  assert.match(problemsOf({ url: 'http://h', directory: tmpdir() }), /only one of/)
  assert.match(problemsOf({ url: 'http://10.0.0.1', style: 'virtual-host' }), /a URL with a host name/)
  assert.match(problemsOf({ url: 'http://[::1]:9000', style: 'virtual-host' }), /a URL with a host name/)
  assert.match(problemsOf({ url: 'http://h', accessKeyId: 'a' }), /the secret of `accessKeyId`/)
  assert.match(problemsOf({ url: 'http://h', secretAccessKey: 'a' }), /the key id of `secretAccessKey`/)
  assert.match(problemsOf({ url: 'http://h', sessionToken: 'a' }), /`accessKeyId` and `secretAccessKey` with it/)
  assert.match(problemsOf({ url: 'http://h', accessKeyId: 'a', secretAccessKey: 'b', credentials: 'unsigned' }), /not both/)
  assert.match(problemsOf({ url: 'http://h', ca: '/no/such/file' }), /a readable file/)
  assert.match(problemsOf({ url: 'http://h', linkLatency: '1s' }), /`directory` with/)
  assert.match(problemsOf({ directory: '/no/such/directory' }), /an existing directory/)
  assert.match(problemsOf({ directory: import.meta.filename }), /a directory/)
})

test('origin names are unique, the shorthand included', () => {
  const named = (name: string) => ({ name, url: 'http://h' })
  assert.match(
    resolve({ anonymous: true, origins: [named('a'), named('a')] }).problems.join(),
    /origins\.1\.name: a name that no other origin has/,
  )
  assert.match(
    resolve({ anonymous: true, origin: 'http://h', origins: [named('default')] }).problems.join(),
    /origin: no other origin named "default"/,
  )
})

test('options of the shorthand origin need it', () => {
  const { problems } = resolve({ anonymous: true, originRegion: 'x', originStyle: 'path', origins: [{ name: 'a', url: 'http://h' }] })
  assert.deepEqual(problems, ['originRegion: `origin` with it', 'originStyle: `origin` with it'])
})

test('an origin that is never asked is noted', () => {
  const { notes } = resolve({ origin: 'http://h', origins: [{ name: 'a', url: 'http://h' }], clients: [], anonymous: true }, KEYS)
  assert.deepEqual(notes, ['Origin "default" is never asked: origin "a" comes before it and takes every bucket'])
})

test('client keys are unique', () => {
  const client = { accessKeyId: 'k', secretAccessKey: 's', grants: [{ bucket: '*' }] }
  assert.match(
    resolve({ origin: 'http://h', clients: [client, client] }).problems.join(),
    /clients\.1\.accessKeyId: a key id that no other client has/,
  )
})

test('pass-through needs no keys, and refuses what it cannot keep as it was signed', () => {
  const passing = { identity: 'pass-through', origin: 'https://s3.example' }
  const fine = resolve(passing)
  assert.deepEqual([fine.problems, fine.clients], [[], []])
  const [origin] = fine.origins
  assert.equal(origin?.kind === 's3' ? origin.credentials.kind : '', 'unsigned')
  const client = { accessKeyId: 'a', secretAccessKey: 'b', grants: [{ bucket: '*' }] }
  const wrong = { ...passing, anonymous: true, clients: [client], origin: undefined }
  const origins = [
    { name: 'files', directory: '.' },
    { name: 'below', url: 'https://s3.example/prefix', buckets: ['x'] },
  ]
  assert.deepEqual(resolve({ ...wrong, origins }).problems, [
    'clients: none with `identity: pass-through`: the origin knows its own clients',
    'anonymous: false with `identity: pass-through`: the origin decides on unsigned requests',
    'identity: origins that check signatures: origin "files" is a directory',
    'identity: origins without a path: the URL of origin "below" has one, and clients sign the path',
  ])
})

test('mixed knows keys as verified does, and refuses what pass-through refuses but for them', () => {
  const mixed = { identity: 'mixed', origin: 'https://s3.example' }
  const client = { accessKeyId: 'a', secretAccessKey: 'b', grants: [{ bucket: '*' }] }
  const fine = resolve({ ...mixed, clients: [client] })
  assert.deepEqual([fine.problems, fine.clients.length], [[], 1])
  const [origin] = fine.origins
  assert.equal(origin?.kind === 's3' ? origin.credentials.kind : '', 'default-chain')
  const wrong = { ...mixed, anonymous: true, clients: [client], origin: 'https://s3.example/prefix' }
  assert.deepEqual(resolve(wrong).problems, [
    'anonymous: false with `identity: mixed`: the origin decides on unsigned requests',
    'identity: origins without a path: the URL of origin "default" has one, and clients sign the path',
  ])
})

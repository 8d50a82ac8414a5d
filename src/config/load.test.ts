import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Config } from './config.ts'
import { describeConfig } from './describe.ts'
import { loadConfig, type LoadInput } from './load.ts'
import { formatProblem } from './problem.ts'

const directory = mkdtempSync(join(tmpdir(), 'hotbucket-config-'))
after(() => rmSync(directory, { recursive: true }))

const CERTIFICATES = new URL('../../test/vectors/tls/', import.meta.url)
const MACHINE_BYTES = 64 * 1024 ** 3
let files = 0

function file(content: string, name = `config-${files++}.yaml`): string {
  writeFileSync(join(directory, name), content)
  return name
}

function load(input: Partial<LoadInput>) {
  return loadConfig({
    file: undefined,
    flags: {},
    env: {},
    directory,
    machine: { memoryBytes: MACHINE_BYTES, cores: 2, sharesPorts: true },
    ...input,
  })
}

/** A configuration that must load. `yaml` is added to a file that already has an origin and anonymous access. */
function loaded(yaml: string, input: Partial<LoadInput> = {}): Config {
  const result = load({ file: file(`origin: .\nanonymous: true\n${yaml}`), ...input })
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'))
  return result.config
}

function problems(yaml: string, input: Partial<LoadInput> = {}): string[] {
  const result = load({ file: file(yaml, 'c.yaml'), ...input })
  assert.ok(!result.ok, 'expected problems')
  return result.problems.map(formatProblem).map((line) => line.replaceAll(`${directory}/`, ''))
}

/** The problems of one line that is added to a right file. */
function problemsOf(yaml: string, input: Partial<LoadInput> = {}): string[] {
  return problems(`origin: .\nanonymous: true\n${yaml}`, input)
}

test('loadConfig() takes an origin and anonymous from flags alone, and gives every other option its default', () => {
  const result = load({ flags: { origin: '.', anonymous: true } })
  assert.ok(result.ok)
  const { config } = result
  assert.deepEqual(config.listen, { host: '0.0.0.0', port: 9000 })
  assert.deepEqual(config.admin, { host: '127.0.0.1', port: 9001 })
  assert.equal(config.memoryBytes, 256 * 1024 ** 2)
  assert.equal(config.workers, 2, 'the cores of the machine')
  assert.deepEqual(config.mode, { kind: 'ttl', ttlMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 })
  assert.equal(config.region, 'us-east-1')
  assert.equal(config.tls, undefined)
  assert.deepEqual(config.origins, [{ name: 'default', buckets: ['*'], kind: 'directory', path: directory }])
  assert.deepEqual(config.clients, [])
  assert.deepEqual(config.log, { level: 'info', requests: true })
  assert.match(result.warnings.join('\n'), /anonymous is on and the listener 0\.0\.0\.0:9000 is not loopback/)
})

test('loadConfig() lets flags win over variables, variables over the file, the file over defaults', () => {
  const path = file(
    'origin: .\nanonymous: true\nmemory: 1GiB\nregion: file-1\nlimits: { headTimeout: 1s, idleTimeout: 1s }\nlog: { level: warn }',
  )
  const env = { HOTBUCKET_MEMORY: '2GiB', HOTBUCKET_LIMITS_HEAD_TIMEOUT: '2s', HOTBUCKET_LOG_LEVEL: 'error', HOTBUCKET_ADMIN: '' }
  const result = load({ file: path, env, flags: { memory: '3GiB', 'log.requests': false } })
  assert.ok(result.ok)
  assert.equal(result.config.memoryBytes, 3 * 1024 ** 3)
  assert.equal(result.config.limits.headTimeoutMs, 2000)
  assert.equal(result.config.limits.idleTimeoutMs, 1000)
  assert.deepEqual(result.config.log, { level: 'error', requests: false })
  assert.equal(result.config.region, 'file-1')
  assert.equal(result.config.admin.port, 9001)
})

test('loadConfig() takes the file from HOTBUCKET_CONFIG, and from the flag before that', () => {
  const one = file('origin: .\nanonymous: true\nregion: one')
  const two = file('origin: .\nanonymous: true\nregion: two')
  const byEnv = load({ env: { HOTBUCKET_CONFIG: one } })
  const byFlag = load({ file: two, env: { HOTBUCKET_CONFIG: one } })
  assert.ok(byEnv.ok && byFlag.ok)
  assert.equal(byEnv.config.region, 'one')
  assert.equal(byFlag.config.region, 'two')
})

test('loadConfig() reports every problem at once, each with its key, value, place and what was wanted', () => {
  const yaml = `
memry: 1GiB
limits:
  headTimeout: 30
  idleTimeut: 1s
origins:
  - name: a
    url: ftp://host
  - url: http://host
tls: { key: nothere.pem }
`
  const found = problems(yaml, { flags: { workers: '65' }, env: { HOTBUCKET_MODE: 'ttl=60' } })
  assert.deepEqual(found.toSorted(), [
    'Cannot use limits.headTimeout "30" (c.yaml:4): wanted a duration with its unit from 100ms to 10m',
    'Cannot use limits.idleTimeut (c.yaml:5): wanted a known option; did you mean "idleTimeout"?',
    'Cannot use memry (c.yaml:2): wanted a known option; did you mean "memory"?',
    'Cannot use mode "ttl=60" (HOTBUCKET_MODE): wanted "immutable", "strict" or "ttl=60s", the last with ",swr=…" and ",sie=…" if wanted, each up to 365d',
    'Cannot use origins[0].url "ftp://host" (c.yaml:8): wanted an http or https URL without user, password, query or fragment, such as "https://s3.eu-west-1.amazonaws.com"',
    'Cannot use origins[1].name (c.yaml:9): wanted a name of 1 to 64 letters, digits, "-", "_" or "."',
    'Cannot use tls.certificate (c.yaml:10): wanted `tls.certificate` and `tls.key` both',
    'Cannot use workers "65" (--workers): wanted "auto", or a whole number from 1 to 64',
  ])
})

/** Option, least, most, below the least, above the most. */
const EDGES: readonly (readonly [string, string, string, string, string])[] = [
  ['memory', '16MiB', '256GiB', '16777215', '274877906945'],
  ['workers', '1', '64', '0', '65'],
  ['limits.head', '8KiB', '1MiB', '8191', '1048577'],
  ['limits.connections', '1', '1000000', '0', '1000001'],
  ['limits.headTimeout', '100ms', '10m', '99ms', '601s'],
  ['limits.idleTimeout', '100ms', '1h', '99ms', '3601s'],
  ['limits.bodyRate', '1', '1GiB', '0', '1073741825'],
  ['limits.bodyRateWindow', '100ms', '10m', '99ms', '601s'],
  ['limits.drainTimeout', '100ms', '1h', '99ms', '3601s'],
  ['limits.clockSkew', '1s', '1h', '999ms', '3601s'],
  ['prices.egressPerGiB', '0', '1000', '-1', '1000.1'],
  ['prices.getPerThousand', '0', '1000', '-1', '1000.1'],
]

for (const [key, least, most, below, above] of EDGES) {
  test(`loadConfig() takes ${key} from ${least} to ${most} and refuses what is beyond`, () => {
    const flags = (value: string) => ({ flags: { [key]: value } })
    for (const value of [least, most]) loaded('', { ...flags(value), machine: { memoryBytes: 1e15, cores: 2, sharesPorts: true } })
    for (const value of [below, above]) assert.equal(problemsOf('', flags(value)).length, 1, `${key} ${value}`)
  })
}

const ORIGIN_EDGES: typeof EDGES = [
  ['connectTimeout', '100ms', '5m', '99ms', '301s'],
  ['headTimeout', '100ms', '30m', '99ms', '1801s'],
  ['bodyTimeout', '100ms', '30m', '99ms', '1801s'],
  ['connections', '1', '10000', '0', '10001'],
  ['name', 'a', 'a'.repeat(64), '""', 'a'.repeat(65)],
]

for (const [key, least, most, below, above] of ORIGIN_EDGES) {
  test(`loadConfig() takes an origin's ${key} up to its limits and refuses what is beyond`, () => {
    const item = (value: string) => {
      const fields = { name: 'o', url: 'http://h', buckets: '[b]', [key]: value }
      return `origins:\n  - {${Object.entries(fields)
        .map((field) => field.join(': '))
        .join(', ')}}`
    }
    for (const value of [least, most]) loaded(item(value))
    for (const value of [below, above]) assert.match(problemsOf(item(value)).join(), new RegExp(`^Cannot use origins\\[0\\]\\.${key} `))
  })
}

test('loadConfig() refuses values of the wrong kind, sections that are values and lists that are not', () => {
  const found = problemsOf('memory: [1]\nlimits: 5\norigins: x\nlog: { requests: 1 }\ndomains: [ok.example, 7]\nrules: [5]')
  assert.deepEqual(found.map((line) => /^Cannot use (\S+)/.exec(line)?.[1] ?? line).toSorted(), [
    'domains[1]',
    'limits',
    'log.requests',
    'memory',
    'origins',
    'rules[0]',
  ])
})

test('loadConfig() refuses the key __proto__ instead of following it', () => {
  assert.match(problemsOf('__proto__: { anonymous: true }').join(), /Cannot use __proto__ /)
})

test('loadConfig() names the line of broken YAML, of a repeated key, and a file that is not there', () => {
  assert.match(problems('listen: [\nmemory: 1').join(), /\(c\.yaml:\d\): wanted valid YAML/)
  assert.match(problems('memory: 1GiB\nmemory: 2GiB').join(), /\(c\.yaml:2\): wanted valid YAML: Map keys must be unique/)
  assert.match(problems('- a\n- b').join(), /wanted a mapping of options/)
  const missing = load({ file: 'no-such.yaml' })
  assert.ok(!missing.ok)
  assert.equal(missing.problems.length, 1)
  assert.match(formatProblem(missing.problems[0]!), /^Cannot use --config ".*no-such\.yaml": wanted a readable file: ENOENT/)
})

test('loadConfig() refuses aliases that multiply and nesting without end, and survives both', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((key, i) => `${key}: &${key} [${`*${'abcdefgh'[i]!},`.repeat(10)}]`),
  ]
  assert.match(problems(bomb.join('\n')).join(), /wanted/)
  assert.match(problems(`memory: ${'['.repeat(50_000)}`).join(), /wanted/)
})

test('loadConfig() takes an empty file as a file of defaults', () => {
  const result = load({ file: file(''), flags: { origin: '.', anonymous: true } })
  assert.ok(result.ok)
})

test('loadConfig() asks for an origin and for clients where there are none', () => {
  assert.deepEqual(problems('{}'), ['Cannot use origins: wanted at least one origin: pass --origin URL or --origin DIRECTORY'])
  assert.match(
    problems('origin: .').join(),
    /^Cannot use clients: wanted a key that clients of origin "default" sign with, and a directory has none: .*--anonymous/,
  )
  assert.match(problems('origin: http://h').join(), /AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set/)
})

test('loadConfig() resolves paths against the file that names them and against the working directory for flags', () => {
  const path = file('origins: [{ name: a, directory: ., buckets: [a] }]\nanonymous: true')
  const result = load({ file: join(directory, path), directory: '/', flags: { origin: 'proc' } })
  assert.ok(result.ok)
  assert.deepEqual(
    result.config.origins.map((origin) => origin.kind === 'directory' && origin.path),
    [directory, '/proc'],
  )
})

test('loadConfig() follows references in secrets and says which variable or file is missing', () => {
  writeFileSync(join(directory, 'secret.txt'), 's3cr3t\n')
  const yaml = (id: string, secret: string) => `clients: [{ accessKeyId: "${id}", secretAccessKey: "${secret}", grants: [{ bucket: b }] }]`
  const config = loaded(yaml('${env:ID}', 'file:secret.txt'), { env: { ID: 'reader' } })
  assert.deepEqual(config.clients, [
    {
      accessKeyId: 'reader',
      secretAccessKey: 's3cr3t',
      sessionToken: undefined,
      grants: [{ bucket: 'b', prefix: '', actions: ['read', 'list'] }],
    },
  ])
  assert.deepEqual(
    problemsOf(yaml('${env:ID}', 'file:gone')).map((line) => line.replace(/ENOENT.*/, 'ENOENT')),
    [
      'Cannot use clients[0].accessKeyId "${env:ID}" (c.yaml:3): wanted the environment variable ID to be set',
      'Cannot use clients[0].secretAccessKey "file:gone" (c.yaml:3): wanted a readable file: ENOENT',
    ],
  )
})

test('loadConfig() never shows a secret in a problem, nor the password of a URL', () => {
  const found = problemsOf(
    'adminToken: hunter2\norigins: [{ name: a, url: "http://me:hunter2@h", secretAccessKey: "hunter2 x", accessKeyId: k }]',
  )
  assert.equal(found.length, 3)
  assert.doesNotMatch(found.join('\n'), /hunter2/)
})

test('loadConfig() checks listeners: an admin of its own, and a token away from loopback', () => {
  assert.match(problemsOf('listen: 127.0.0.1:9001').join(), /Cannot use admin "127\.0\.0\.1:9001": wanted an address of its own/)
  assert.match(problemsOf('listen: ":7000"\nadmin: 127.0.0.1:7000').join(), /wanted an address of its own/)
  assert.match(problemsOf('admin: 0.0.0.0:9001').join(), /wanted a loopback address .* or `adminToken`/)
  loaded('listen: 127.0.0.1:0\nadmin: 127.0.0.1:0')
  assert.equal(loaded('admin: 0.0.0.0:9001\nadminToken: 0123456789abcdef').adminToken, '0123456789abcdef')
  assert.match(problemsOf('adminToken: 0123456789abcde').join(), /Cannot use adminToken "\(secret\)"/)
})

test('loadConfig() wants certificate and key together, readable, and of one pair', () => {
  assert.match(problemsOf('tls: { certificate: c.pem }').join(), /Cannot use tls\.key/)
  assert.equal(problemsOf('tls: { certificate: gone.pem, key: gone.pem }').length, 2)
  for (const name of ['one.pem', 'one.key', 'two.key']) copyFileSync(new URL(name, CERTIFICATES), join(directory, name))
  const { tls } = loaded('tls: { certificate: one.pem, key: one.key }')
  assert.deepEqual(tls, { certificate: join(directory, 'one.pem'), key: join(directory, 'one.key') })
  assert.match(
    problemsOf('tls: { certificate: one.pem, key: two.key }').join(),
    /wanted PEM files of a certificate and its key that belong together/,
  )
})

test('loadConfig() warns of memory that this machine does not have', () => {
  const result = load({
    flags: { origin: '.', anonymous: true, memory: '2GiB', listen: '127.0.0.1:9000' },
    machine: { memoryBytes: 2 * 1024 ** 3, cores: 2, sharesPorts: true },
  })
  assert.ok(result.ok)
  assert.match(result.warnings.join(), /^memory is 2\.00 GiB, and this process may use 2\.00 GiB in all/)
})

test('loadConfig() takes a quarter of what the cache leaves for bytes on their way, from 64 MiB to 1 GiB', () => {
  const cases = [
    [256, 64],
    [1024 + 256, 256],
    [65_536, 1024],
  ] as const
  for (const [machineMib, wantedMib] of cases) {
    const flags = { origin: '.', anonymous: true, memory: '256MiB', listen: '127.0.0.1:9000' }
    const result = load({ flags, machine: { memoryBytes: machineMib * 1024 ** 2, cores: 2, sharesPorts: true } })
    assert.ok(result.ok)
    assert.equal(result.config.limits.bufferBytes, wantedMib * 1024 ** 2)
  }
  assert.equal(loaded('limits: { buffers: 100MiB }').limits.bufferBytes, 100 * 1024 ** 2)
})

test('loadConfig() warns of misspelt variables, and not of those that Kubernetes sets for a service of this name', () => {
  const env = {
    HOTBUCKET_MEMROY: '1GiB',
    HOTBUCKET_PORT: 'tcp://10.0.0.1:9000',
    HOTBUCKET_SERVICE_HOST: '10.0.0.1',
    HOTBUCKET_SERVICE_PORT_S3: '9000',
    HOTBUCKET_PORT_9000_TCP_ADDR: '10.0.0.1',
    HOTBUCKET_CACHE_SERVICE_HOST: '10.0.0.1',
  }
  const result = load({ flags: { origin: '.', anonymous: true, listen: '127.0.0.1:9000' }, env })
  assert.ok(result.ok)
  assert.deepEqual(result.warnings, ['The environment variable HOTBUCKET_MEMROY is no option; did you mean HOTBUCKET_MEMORY?'])
})

test('describeConfig() gives a file that loads to the same configuration, without its secrets', () => {
  const yaml = `
adminToken: a-long-admin-token
mode: ttl=90s,swr=10s
domains: [s3.example.com, s3.local]
origins:
  - { name: s3, url: "https://s3.eu-west-1.amazonaws.com/", buckets: [a-*], accessKeyId: AK, secretAccessKey: hush-hush, sessionToken: hush-token }
  - { name: plain, url: "http://h:9000/base/", style: virtual-host, credentials: unsigned, buckets: [b] }
  - { name: slow, directory: ., buckets: [c], linkLatency: 20ms, linkBandwidth: 100MB }
clients:
  - { accessKeyId: reader, secretAccessKey: hush-client, grants: [{ bucket: a-*, prefix: p/, actions: [read] }] }
rules: [{ bucket: a-*, prefix: shards/, mode: immutable }]
`
  const config = loaded(yaml)
  const dump = describeConfig(config)
  assert.doesNotMatch(dump, /hush|a-long-admin-token/)
  const again = load({ file: file(dump.replaceAll('(secret)', '"0123456789abcdef"')) })
  assert.ok(again.ok, again.ok ? '' : again.problems.map(formatProblem).join('\n'))
  assert.equal(describeConfig(again.config), dump)
})

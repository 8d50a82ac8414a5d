import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import type { FlagValues } from '../../config/gather.ts'
import { formatProblem } from '../../config/problem.ts'
import { resolveDemoOptions, type DemoOptions } from './demo-options.ts'

let directory = ''

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hotbucket-demo-'))
})

after(async () => {
  await rm(directory, { recursive: true })
})

function problemsOf(own: Record<string, string | true>, flags: FlagValues = {}): string[] {
  const result = resolveDemoOptions({ own, flags, directory, machine: { memoryBytes: 8 * 1024 ** 3, cores: 2, sharesPorts: true } })
  return result.ok ? [] : result.problems.map(formatProblem)
}

function optionsOf(own: Record<string, string | true>, flags: FlagValues = {}): DemoOptions {
  const result = resolveDemoOptions({ own, flags, directory, machine: { memoryBytes: 8 * 1024 ** 3, cores: 2, sharesPorts: true } })
  assert.ok(result.ok, JSON.stringify(result))
  return result.options
}

test('resolveDemoOptions() without options runs until stopped, on loopback, behind a slow link', () => {
  const { durationMs, link, readsPerSecond, objectCount, dataDirectory, config } = optionsOf({})
  assert.equal(durationMs, undefined)
  assert.deepEqual(link, { latencyMs: 40, bytesPerSecond: 50e6 })
  assert.equal(readsPerSecond, 200)
  assert.equal(objectCount, 600)
  assert.equal(dataDirectory, join(directory, '.demo', 'origin'))
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 9000 })
  assert.deepEqual(config.admin, { host: '127.0.0.1', port: 9001 })
  assert.deepEqual(config.origins, [{ name: 'sample-data', buckets: ['*'], kind: 'directory', path: dataDirectory, link }])
})

test('resolveDemoOptions() wants signatures and lets the demo key write to scratch alone', () => {
  const { config } = optionsOf({})
  assert.equal(config.anonymous, false)
  const grants = config.clients[0]?.grants ?? []
  assert.deepEqual(
    grants.filter((grant) => grant.actions.includes('write')).map((grant) => grant.bucket),
    ['scratch'],
  )
})

test('resolveDemoOptions() takes every option', () => {
  const own = { for: '20s', latency: '5ms', bandwidth: '1GB/s', rate: 'max', dir: 'elsewhere', objects: '50', seed: '7' }
  const options = optionsOf(own, { listen: '127.0.0.1:0', admin: '127.0.0.1:0', memory: '64MiB' })
  assert.equal(options.durationMs, 20_000)
  assert.deepEqual(options.link, { latencyMs: 5, bytesPerSecond: 1e9 })
  assert.equal(options.readsPerSecond, undefined)
  assert.equal(options.dataDirectory, join(directory, 'elsewhere', 'origin'))
  assert.deepEqual([options.objectCount, options.seed], [50, 7])
  assert.equal(options.config.memoryBytes, 64 * 1024 ** 2)
})

test('resolveDemoOptions() has no well-known secret where others can connect', () => {
  assert.equal(optionsOf({}).credentials.secretAccessKey, optionsOf({}).credentials.secretAccessKey)
  const open = { listen: '0.0.0.0:9000' }
  assert.notEqual(optionsOf({}, open).credentials.secretAccessKey, optionsOf({}, open).credentials.secretAccessKey)
})

test('resolveDemoOptions() reports everything that is wrong at once', () => {
  assert.deepEqual(problemsOf({ for: '20', latency: 'fast', rate: '0/s', objects: '3', bandwidth: '-1MB/s' }, { memory: '1KiB' }).length, 6)
  assert.deepEqual(problemsOf({ rate: 'many' }), [
    'Cannot use --rate "many": wanted reads per second such as 200/s, up to 100000/s, or max',
  ])
})

import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { parse } from 'yaml'
import { check } from './check.ts'

const INPUT = { file: undefined, env: {}, directory: tmpdir(), machine: { memoryBytes: 2 ** 40, cores: 2, sharesPorts: true } }

test('check() prints the effective configuration as YAML and what it means', () => {
  const result = check({ ...INPUT, flags: { origin: 'http://minio:9000', anonymous: true, listen: '127.0.0.1:9000' } })
  assert.equal(result.exitCode, 0)
  assert.match(result.stdout, /^# S3 clients connect to http:\/\/127\.0\.0\.1:9000$/m)
  assert.match(result.stdout, /^# Buckets \* come from origin "default": http:\/\/minio:9000 in us-east-1, unsigned$/m)
  assert.equal((parse(result.stdout) as { memory: string }).memory, '256MiB')
  assert.match(result.stderr, /^Warning: Origin "default": requests go up unsigned/)
})

test('check() ends with 2 and every problem where the configuration is wrong', () => {
  const result = check({ ...INPUT, flags: { memory: '1MiB', mode: 'never' } })
  assert.equal(result.exitCode, 2)
  assert.equal(result.stdout, '')
  assert.match(result.stderr, /^Cannot start: 3 problems in the configuration\n {2}Cannot use memory "1MiB" \(--memory\): wanted/)
})

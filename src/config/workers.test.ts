import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { Machine } from './config.ts'
import { loadConfig, type LoadResult } from './load.ts'

const MACHINE: Machine = { memoryBytes: 2 ** 40, cores: 8, sharesPorts: true }

function load(flags: Readonly<Record<string, string>>, machine: Partial<Machine> = {}): LoadResult {
  const common = { listen: '127.0.0.1:9000' }
  const all = flags['identity'] === undefined ? { ...common, origin: '.', anonymous: 'true', ...flags } : { ...common, ...flags }
  return loadConfig({ file: undefined, flags: all, env: {}, directory: tmpdir(), machine: { ...MACHINE, ...machine } })
}

function workers(flags: Readonly<Record<string, string>>, machine: Partial<Machine> = {}): number {
  const result = load(flags, machine)
  assert.ok(result.ok)
  return result.config.workers
}

function auto(flags: Readonly<Record<string, string>>, machine: Partial<Machine> = {}): number {
  return workers({ workers: 'auto', ...flags }, machine)
}

test('workers: auto follows the usable cores, the memory that there is to own, and at most 64', () => {
  assert.equal(auto({ memory: '1GiB' }), 8)
  assert.equal(auto({ memory: '1GiB' }, { cores: 1 }), 1)
  assert.equal(auto({ memory: '79MiB' }), 4)
  assert.equal(auto({ memory: '16MiB' }), 1)
  assert.equal(auto({ memory: '8GiB' }, { cores: 200 }), 64)
})

test('a number of workers is what there will be, cores or not', () => {
  assert.equal(workers({ workers: '3', memory: '16MiB' }, { cores: 1 }), 3)
  assert.equal(workers({ workers: '1' }), 1)
})

test('a system that does not spread connections gets one worker, with a warning where more were wanted', () => {
  assert.equal(auto({}, { sharesPorts: false }), 1)
  const result = load({ workers: '4' }, { sharesPorts: false })
  assert.ok(result.ok)
  assert.equal(result.config.workers, 1)
  assert.deepEqual(result.warnings, [
    'workers is 4, but this system does not spread the connections of one port over several listeners: 1 it is',
  ])
})

test('pass-through runs on one worker, and refuses more', () => {
  const passing = { identity: 'pass-through', origin: 'https://s3.example' }
  assert.equal(auto(passing), 1)
  const result = load({ ...passing, workers: '2' })
  assert.ok(!result.ok)
  assert.deepEqual(
    result.problems.map(({ key, wanted }) => `${key}: ${wanted}`),
    ['workers: 1 with `identity: pass-through`, where every read waits for the origin anyway'],
  )
})

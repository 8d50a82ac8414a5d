import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Clients } from './clients.ts'
import { compilePattern } from './name-pattern.ts'

test('compilePattern() matches whole names, with * for any run of characters and nothing else special', () => {
  assert.equal(compilePattern('logs')('logs'), true)
  assert.equal(compilePattern('logs')('logs2'), false)
  assert.equal(compilePattern('*')('anything'), true)
  assert.equal(compilePattern('logs-*')('logs-2026'), true)
  assert.equal(compilePattern('logs-*')('xlogs-2026'), false)
  assert.equal(compilePattern('a.b*')('axb'), false)
  assert.equal(compilePattern('*-eu-*')('logs-eu-1'), true)
})

test('Clients grants by bucket, prefix and action, and nothing besides', () => {
  const clients = new Clients([
    {
      accessKeyId: 'reader',
      secretAccessKey: 's',
      sessionToken: undefined,
      grants: [
        { bucket: 'data', prefix: 'public/', actions: ['read', 'list'] },
        { bucket: 'drop-*', prefix: '', actions: ['write'] },
      ],
    },
  ])
  const reader = clients.find('reader')
  assert.ok(reader !== undefined)
  assert.equal(reader.may('read', 'data', 'public/a'), true)
  assert.equal(reader.may('list', 'data', 'public/'), true)
  assert.equal(reader.may('read', 'data', 'publi'), false)
  assert.equal(reader.may('list', 'data', ''), false)
  assert.equal(reader.may('write', 'data', 'public/a'), false)
  assert.equal(reader.may('write', 'drop-1', 'x'), true)
  assert.equal(reader.may('read', 'drop-1', 'x'), false)
  assert.equal(clients.find('Reader'), undefined)
})

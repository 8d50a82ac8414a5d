import assert from 'node:assert/strict'
import { test } from 'node:test'

import { varnishCommand, varnishVcl } from './varnish.ts'

test('varnishCommand() keeps objects in memory and listens where it is told', () => {
  const setup = { originPort: 1, memoryMiB: 512, cpus: '0', workDirectory: '/work' }
  const command = varnishCommand(setup, { port: 8080, directory: '/srv/varnish', vclPath: '/srv/a.vcl' })
  assert.equal(command[command.indexOf('-s') + 1], 'malloc,512m')
  assert.equal(command[command.indexOf('-a') + 1], '127.0.0.1:8080')
  assert.equal(command[command.indexOf('-f') + 1], '/srv/a.vcl')
})

test('varnishVcl() names the origin', () => {
  assert.match(varnishVcl(81), /\.port = "81"/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openFilesMax, parseOpenFiles, parseResident, parseSocketPages, residentBytes } from './proc-memory.ts'

test('parseResident() finds VmRSS and gives bytes', () => {
  assert.equal(parseResident('Name:\tnode\nVmHWM:\t  200 kB\nVmRSS:\t  150 kB\nThreads:\t11\n'), 150 * 1024)
  assert.throws(() => parseResident('Name:\tzombie\n'), /Cannot read resident memory/)
})

test('residentBytes() adds processes', () => {
  const one = residentBytes([process.pid])
  assert.ok(one > 1024 ** 2)
  assert.ok(residentBytes([process.pid, process.pid]) > one)
})

test('parseOpenFiles() takes the hard limit', () => {
  assert.equal(parseOpenFiles('Max open files            1024                 524288               files     \n'), 524_288)
  assert.equal(parseOpenFiles('Max open files            1024                 unlimited            files     \n'), Infinity)
  assert.ok(openFilesMax() > 0)
})

test('parseSocketPages() finds the memory of TCP alone', () => {
  assert.equal(parseSocketPages('sockets: used 19\nTCP: inuse 2 orphan 0 tw 769 alloc 2 mem 31\nUDP: inuse 0 mem 7\n'), 31)
})

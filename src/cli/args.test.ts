import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPTION_ROWS } from '../config/option-rows.ts'
import { parseArgs, type ParsedArgs } from './args.ts'

function run(...argv: string[]): Extract<ParsedArgs, { kind: 'run' }> {
  const parsed = parseArgs(argv, '1.2.3')
  assert.ok(parsed.kind === 'run', JSON.stringify(parsed))
  return parsed
}

test('parseArgs() gives flags by the keys of the configuration, and only those that were given', () => {
  const parsed = run('serve', '--config', 'c.yaml', '--origin', 'http://h', '--memory=1GiB', '--anonymous', '--no-request-log')
  assert.equal(parsed.command, 'serve')
  assert.equal(parsed.file, 'c.yaml')
  assert.deepEqual(parsed.flags, { origin: 'http://h', memory: '1GiB', anonymous: true, 'log.requests': false })
  assert.deepEqual(run('check').flags, {})
})

test('parseArgs() collects a flag that may be repeated', () => {
  assert.deepEqual(run('serve', '--domain', 'a.example', '--domain', 'b.example').flags, { domains: ['a.example', 'b.example'] })
})

test('parseArgs() knows every flag of the table', () => {
  for (const row of OPTION_ROWS) {
    if (row.flag === undefined) continue
    const argv = row.flagSets === undefined ? [`--${row.flag}`, 'x'] : [`--${row.flag}`]
    assert.deepEqual(Object.keys(run('serve', ...argv).flags), [row.key])
  }
})

test('parseArgs() gives the options of a demo as they were written', () => {
  const parsed = run('demo', '--for', '20s', '--latency', '40ms', '--listen', ':9100')
  assert.deepEqual(parsed.own, { for: '20s', latency: '40ms' })
  assert.deepEqual(parsed.flags, { listen: ':9100' })
})

test('parseArgs() prints the version and the help', () => {
  for (const argv of [['version'], ['--version'], ['-V']])
    assert.deepEqual(parseArgs(argv, '1.2.3'), { kind: 'print', text: 'hotbucket 1.2.3\n' })
  for (const argv of [['help'], ['--help'], ['help', 'serve'], ['serve', '-h']]) {
    const parsed = parseArgs(argv, '1.2.3')
    assert.equal(parsed.kind, 'print')
    assert.match(parsed.kind === 'print' ? parsed.text : '', /^Usage: hotbucket/)
  }
})

test('parseArgs() refuses no command, unknown commands, flags and arguments, with a suggestion where there is one', () => {
  const usage = (...argv: string[]) => {
    const parsed = parseArgs(argv, '1.2.3')
    assert.equal(parsed.kind, 'usage', argv.join(' '))
    return parsed.kind === 'usage' ? parsed.text : ''
  }
  assert.match(usage(), /Usage: hotbucket/)
  assert.match(usage('serv'), /Did you mean serve/)
  assert.match(usage('serve', '--memry', '1GiB'), /Did you mean --memory/)
  assert.match(usage('serve', '--memory'), /argument missing/)
  assert.match(usage('serve', 'extra'), /too many arguments/)
  assert.match(usage('demo', '--config', 'c.yaml'), /unknown option/)
})

test('parseArgs() reads what is asked about a disk cache, and wants its directory', () => {
  assert.deepEqual(parseArgs(['disk', 'verify', '--disk', 'cache'], '1.2.3'), { kind: 'disk', task: 'verify', directory: 'cache' })
  for (const argv of [['disk'], ['disk', 'stat'], ['disk', 'repair', '--disk', 'cache']])
    assert.equal(parseArgs(argv, '1.2.3').kind, 'usage', argv.join(' '))
})

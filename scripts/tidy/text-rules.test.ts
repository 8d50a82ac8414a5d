import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkFiles, checkText } from './text-rules.ts'

/** The lines of a file on which something was found. */
function lines(file: string, ...text: string[]): number[] {
  return checkText(new Map([[file, text.join('\n')]])).map(({ line }) => line)
}

test('leftover words are found anywhere, as words', () => {
  assert.deepEqual(lines('README.md', 'a TODO here', 'TODOS are a word', 'FIXME', 'AKIAXXXX is a key', 'XXX'), [1, 3, 5])
})

test('paths of build machines and hosts of registries are found', () => {
  const found = lines(
    'notes.md',
    'in /home/builder/x',
    'in /root/x',
    'see src/root/main',
    'in /home/someone',
    ['registry', 'npmjs', 'org'].join('.'),
    'a/home/page',
    '/tmp/x',
  )
  assert.deepEqual(found, [1, 2, 4, 5])
})

test('tests that are left out are found, in tests only', () => {
  const text = [
    `test.skip('a', () => {})`,
    `test('b', { todo: true }, () => {})`,
    `describe.only('c')`,
    `t.skip('d')`,
    `'only-if-cached'`,
    `{ skip: count }`,
  ]
  assert.deepEqual(lines('src/a.test.ts', ...text), [1, 2, 3, 4])
  assert.deepEqual(lines('src/a.ts', ...text), [])
})

test('tests that sleep are found; a deadline is no sleep', () => {
  const text = [
    `await new Promise((resolve) => setTimeout(resolve, 10))`,
    `import { setTimeout } from 'node:timers/promises'`,
    `const timer = setTimeout(() => fail(), 10)`,
  ]
  assert.deepEqual(lines('test/e2e/a.test.ts', ...text), [1, 2])
})

test('replaced modules are found', () => {
  assert.deepEqual(lines('src/a.test.ts', `mock.module('./b.ts')`, `context.mock.method(b, 'c')`), [1, 2])
})

test('suppressions want a reason', () => {
  const found = lines(
    'src/a.ts',
    '// oxlint-disable-next-line no-console',
    '// oxlint-disable-next-line no-console -- the last words of the process',
    '// oxlint-disable-next-line no-console -- no',
    '// @ts-expect-error',
    '// @ts-expect-error: the types of the package are wrong',
    '// @ts-ignore',
  )
  assert.deepEqual(
    found.toSorted((a, b) => a - b),
    [1, 3, 4, 6],
  )
})

test('times want their unit', () => {
  const found = lines(
    'src/a.ts',
    'const timeout = 5000',
    'const timeoutMs = 5000',
    'readonly idleTimeout: number',
    'readonly idleTimeoutMs: number',
    'function wait(delay: number): void {}',
    '  #pollInterval = 5',
    'let ttl = 60',
    'const timeout = setTimeout(fail, 5)',
    'undici({ headersTimeout: limits.headTimeoutMs })',
  )
  assert.deepEqual(found, [1, 3, 5, 6, 7])
})

test('checkFiles() limits the length and refuses names that say nothing', () => {
  const tree = new Map([
    ['src/long.ts', '\n'.repeat(401)],
    ['src/fits.ts', '\n'.repeat(400)],
    ['src/utils.ts', ''],
    ['src/http-helpers.ts', ''],
    ['src/common.test.ts', ''],
    ['src/uncommon.ts', ''],
  ])
  assert.deepEqual(
    checkFiles(tree).map(({ file }) => file),
    ['src/long.ts', 'src/utils.ts', 'src/http-helpers.ts', 'src/common.test.ts'],
  )
})

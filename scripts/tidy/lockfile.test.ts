import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLockfile } from './lockfile.ts'

function messages(manifest: object, packages: object): string[] {
  const tree = new Map([
    ['package.json', JSON.stringify(manifest)],
    ['package-lock.json', JSON.stringify({ packages })],
  ])
  return checkLockfile(tree).map(({ message }) => message)
}

test('checkLockfile() wants the dependencies of package.json', () => {
  assert.deepEqual(messages({ dependencies: { a: '1.0.0' } }, { '': { dependencies: { a: '1.0.0' } }, 'node_modules/a': {} }), [])
  assert.deepEqual(messages({ dependencies: { a: '1.0.1' } }, { '': { dependencies: { a: '1.0.0' } }, 'node_modules/a': {} }), [
    'dependencies differ from package.json',
  ])
})

test('checkLockfile() wants an entry for the native package of every platform', () => {
  const lock = {
    '': {},
    'node_modules/a': { optionalDependencies: { 'a-linux': '1.0.0', 'a-win32': '1.0.0' } },
    'node_modules/a-linux': {},
  }
  assert.deepEqual(messages({}, lock), ['a-win32, which a names, has no entry'])
})

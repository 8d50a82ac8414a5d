import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { besidePath, nameMeaning, objectPath, segmentPath } from './key-path.ts'

const NONE = { components: [], text: '' }
/** Keys made of what is hard: slashes, dots, marks, NUL, long runs, any byte. */
const hostileKey = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '.', '..', '%~', '%', '!', '>', '\0', 'a', 'x'.repeat(90)),
      fc.nat(255).map((byte) => String.fromCharCode(byte)),
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map((pieces) => pieces.join('').slice(0, 1024))

/** Walks the components of a path back to the key, as a listing does. */
function keyOf(path: readonly string[]): { key: string; kind: string } | undefined {
  let key = ''
  let before: { components: string[]; text: string } = { components: [], text: '' }
  for (const [i, name] of path.entries()) {
    const meaning = nameMeaning(name, before)
    if (meaning === undefined) return undefined
    if (meaning.kind === 'continued') before = { components: [...before.components, name], text: before.text + meaning.text }
    else {
      before = { components: [], text: '' }
      key += meaning.text
      if (i === path.length - 1) return { key, kind: meaning.kind }
      key += '/'
    }
  }
  return undefined
}

test('objectPath() leaves ordinary keys readable', () => {
  assert.deepEqual(objectPath('photos/2026/été 1.jpg'), ['photos', '2026', 'été 1.jpg'])
  assert.deepEqual(objectPath('.hidden'), ['.hidden'])
  assert.deepEqual(objectPath('100%'), ['100%'])
})

test('objectPath() gives names that no file system can misread', () => {
  assert.deepEqual(objectPath('..'), ['%~..'])
  assert.deepEqual(objectPath('/a//b/'), ['%~', 'a', '%~', 'b', '%~'])
  assert.deepEqual(objectPath('a\0'), ['%~a%00'])
  assert.deepEqual(objectPath('%~x'), ['%~%25~x'])
  assert.deepEqual(besidePath('d/a'), ['d', '%~!a'])
})

test('objectPath() and besidePath() are safe and reversible for every key', () => {
  fc.assert(
    fc.property(hostileKey, (key) => {
      for (const [path, kind] of [
        [objectPath(key), 'plain'],
        [besidePath(key), 'beside'],
      ] as const) {
        for (const name of path) {
          assert.ok(name !== '' && name !== '.' && name !== '..' && name.length <= 255, name)
          assert.ok(!name.includes('/') && !name.includes('\0'))
        }
        assert.deepEqual(keyOf(path), { key, kind })
      }
    }),
    { numRuns: 2000 },
  )
})

test('nameMeaning() gives a meaning to no name but the one that a segment has', () => {
  fc.assert(
    fc.property(hostileKey, (text) => {
      const name = text.replace(/[/\0]/g, '_').slice(0, 255)
      const meaning = nameMeaning(`%~${name}`, NONE)
      if (meaning?.kind === 'plain') assert.deepEqual(segmentPath(meaning.text), [`%~${name}`])
    }),
    { numRuns: 2000 },
  )
  for (const name of ['%~a', '%~%41', '%~%2', '%~>short', '%~!', '%~%7E'])
    assert.equal(nameMeaning(name, NONE)?.kind === 'plain', false, name)
})

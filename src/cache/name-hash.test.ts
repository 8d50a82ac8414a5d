import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NameHasher, type NameHash } from './name-hash.ts'

const SEED = { lo: 17, hi: 4711 }

const ASKED = fc.oneof(
  fc.record({ kind: fc.constant('head' as const), key: fc.constantFrom('a', 'b', 'ab', '') }),
  fc.record({ kind: fc.constant('version' as const), key: fc.constantFrom('a', 'b'), etag: fc.constantFrom('1', '2') }),
  fc.record({ kind: fc.constant('block' as const), key: fc.constantFrom('a', 'b'), blockNo: fc.nat(2) }),
)

test('what was hashed before makes no difference', () => {
  fc.assert(
    fc.property(fc.array(ASKED, { minLength: 1, maxLength: 8 }), (asked) => {
      const hasher = new NameHasher(SEED)
      for (const one of asked) assert.deepEqual(hashOf(hasher, one), hashOf(new NameHasher(SEED), one))
    }),
  )
})

function hashOf(
  hasher: NameHasher,
  asked: typeof ASKED extends fc.Arbitrary<infer One> ? One : never,
): NameHash & { readonly fits: boolean } {
  const { kind, key } = asked
  if (kind === 'head') hasher.hashHead(key)
  else if (kind === 'version') hasher.hashVersion(key, asked.etag)
  else hasher.hashBlock({ lo: key.length, hi: 5 }, asked.blockNo)
  const bytes = Buffer.alloc(8)
  bytes.write(key, 'latin1')
  const fits = kind === 'head' && hasher.isAt(new Int32Array(bytes.buffer, bytes.byteOffset, 2), 0, bytes, key.length)
  return { lo: hasher.lo, hi: hasher.hi, fits }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseBrief } from './identity.ts'

test('parseBrief() finds protocol and cipher between the rest', () => {
  const text =
    'depth=0 CN = localhost\nverify error:num=18\nCONNECTION ESTABLISHED\nProtocol version: TLSv1.3\nCiphersuite: TLS_AES_256_GCM_SHA384\nDONE\n'
  assert.deepEqual(parseBrief(text), { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' })
})

test('parseBrief() rejects the output of a failed handshake', () => {
  assert.throws(() => parseBrief('connect:errno=111\n'), /Cannot tell what was negotiated/)
})

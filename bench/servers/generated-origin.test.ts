import assert from 'node:assert/strict'
import { test } from 'node:test'

import { collect } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import { requestOf } from '../../test/support/origin-requests.ts'
import { GeneratedOrigin } from './generated-origin.ts'

async function read(rawKey: string, range?: string): Promise<{ status: number; length: string | undefined; bytes: Buffer }> {
  const headers = range === undefined ? [] : ['range', range]
  const { status, headers: fields, body } = await new GeneratedOrigin().send(requestOf({ method: 'GET', rawKey, headers }))
  return { status, length: headerValue(fields, 'content-length'), bytes: Buffer.from((await collect(body, 8 * 1024 ** 2))!) }
}

test('an object has the size in its key, and every range of it is a part of the whole', async () => {
  const whole = await read('3000000/7')
  assert.equal(whole.status, 200)
  assert.equal(whole.bytes.length, 3_000_000)
  for (const [start, end] of [
    [0, 0],
    [1_048_570, 1_048_590],
    [2_999_999, 9_999_999],
  ] as const) {
    const part = await read('3000000/7', `bytes=${start}-${end}`)
    assert.equal(part.status, 206)
    assert.deepEqual(part.bytes, whole.bytes.subarray(start, end + 1))
    assert.equal(part.length, String(part.bytes.length))
  }
})

test('objects differ by their numbers, and are the same each time', async () => {
  assert.notDeepEqual((await read('4096/1')).bytes, (await read('4096/2')).bytes)
  assert.deepEqual((await read('4096/1')).bytes, (await read('4096/1')).bytes)
})

test('what is no size and number is not there', async () => {
  for (const key of ['', '4096', '0/1', 'x/1', '4096/1/2']) {
    const origin = new GeneratedOrigin()
    assert.equal((await origin.send(requestOf({ method: 'GET', rawKey: key }))).status, 404)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../errors.ts'
import { checkConditions } from './conditions.ts'

const FIELDS = [
  { name: 'key', value: 'up/k' },
  { name: 'content-type', value: 'text/x' },
]
const USUAL = [{ bucket: 'b' }, ['starts-with', '$key', 'up/'], ['eq', '$Content-Type', 'text/x']]

function codeOf(conditions: readonly unknown[], fields = FIELDS): string {
  try {
    const { minBytes, maxBytes } = checkConditions({ expiration: '', conditions }, { bucket: 'b', fields })
    return `${minBytes} to ${maxBytes}`
  } catch (error) {
    if (error instanceof Refusal) return `${error.code}: ${error.message}`
    throw error
  }
}

test('checkConditions() takes a form whose every field is allowed, and gives the bounds of its file', () => {
  assert.equal(codeOf(USUAL), '0 to Infinity')
  assert.equal(codeOf([...USUAL, ['content-length-range', 3, 1024]]), '3 to 1024')
  assert.equal(codeOf([...USUAL, ['content-length-range', '0', '0']]), '0 to 0', 'numbers may stand in quotes')
  assert.equal(codeOf([...USUAL, ['content-length-range', 0, 10], ['content-length-range', 5, 20]]), '5 to 10')
  const ignored = [...FIELDS, { name: 'x-ignore-me', value: 'x' }]
  assert.equal(codeOf(USUAL, ignored), '0 to Infinity')
  const signature = [{ 'x-amz-date': 'another' }, ['eq', '$x-amz-credential', 'another']]
  assert.equal(codeOf([...USUAL, ...signature]), '0 to Infinity', 'who verified the signature has looked at those')
})

test('checkConditions() reads fields as UTF-8, as policies are', () => {
  const fields = [{ name: 'key', value: Buffer.from('ü/k').toString('latin1') }]
  assert.equal(codeOf([['starts-with', '$key', 'ü/']], fields), '0 to Infinity')
})

test('checkConditions() refuses what a policy does not allow', () => {
  const failed = 'AccessDenied: Invalid according to Policy: Policy Condition failed: '
  for (const [conditions, why] of [
    [[{ bucket: 'c' }, ...USUAL.slice(1)], `${failed}["eq", "$bucket", "c"]`],
    [[{ KEY: 'up/other' }, ...USUAL], `${failed}["eq", "$key", "up/other"]`],
    [[...USUAL, ['starts-with', '$acl', 'p']], `${failed}["starts-with", "$acl", "p"]`],
    [USUAL.slice(0, 2), 'AccessDenied: Invalid according to Policy: Extra input fields: content-type'],
    [[], 'AccessDenied: Invalid according to Policy: Extra input fields: key, content-type'],
  ] as const) {
    assert.equal(codeOf(conditions), why)
  }
})

test('checkConditions() refuses policies that it cannot read', () => {
  for (const condition of [
    ['ends-with', '$key', 'k'],
    ['eq', 'key', 'k'],
    ['content-length-range', 0],
    ['content-length-range', -1, 5],
    ['content-length-range', 5, 1],
    ['content-length-range', 0.5, 1],
    ['content-length-range', 'many', 'more'],
    {},
    'key',
    undefined,
  ]) {
    assert.match(codeOf([condition, ...USUAL]), /^InvalidPolicyDocument: /, JSON.stringify(condition))
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { errorXml, Refusal, S3_ERRORS } from './errors.ts'
import { readXml } from './xml.ts'

test('errorXml() writes an error as S3 does', () => {
  const xml = errorXml({
    code: 'InvalidRange',
    message: S3_ERRORS.InvalidRange.message,
    requestId: 'ABC123',
    fields: { RangeRequested: 'bytes=0-0', ActualObjectSize: '0' },
  })
  assert.equal(
    xml,
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidRange</Code><Message>The requested range is not satisfiable</Message>' +
      '<RangeRequested>bytes=0-0</RangeRequested><ActualObjectSize>0</ActualObjectSize><RequestId>ABC123</RequestId><HostId>hotbucket</HostId></Error>',
  )
})

test('errorXml() is ASCII and well formed whatever the client sent', () => {
  const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  fc.assert(
    fc.property(text, text, (resource, value) => {
      const xml = errorXml({ code: 'NoSuchKey', message: 'm', resource, requestId: 'r', fields: { Key: value } })
      assert.match(xml, /^[\t\n\x20-\x7e]*$/)
      const names = readXml(Buffer.from(xml), 10_000).children.map((child) => child.name)
      assert.deepEqual(names, ['Code', 'Message', 'Key', 'Resource', 'RequestId', 'HostId'])
    }),
  )
})

test('errorXml() keeps valid UTF-8 and replaces what XML cannot carry', () => {
  const resource = Buffer.from('/b/é<&>🪣\r\n').toString('latin1')
  const xml = errorXml({ code: 'NoSuchKey', message: 'm', resource, requestId: 'r' })
  assert.ok(xml.includes('<Resource>/b/&#xE9;&lt;&amp;&gt;&#x1FAA3;&#13;\n</Resource>'), xml)
  assert.ok(errorXml({ code: 'c', message: '\x00\xff', requestId: 'r' }).includes('<Message>&#xFFFD;&#xFFFD;</Message>'))
})

test('Refusal takes status and message from the table', () => {
  const plain = new Refusal('SlowDown')
  assert.equal(plain.status, 503)
  assert.equal(plain.message, 'Please reduce your request rate.')
  const cause = new Error('below')
  const special = new Refusal('NoSuchKey', { message: 'Gone', fields: { Key: 'k' }, cause })
  assert.deepEqual([special.status, special.message, special.fields, special.cause], [404, 'Gone', { Key: 'k' }, cause])
})

test('S3_ERRORS has plausible statuses and messages', () => {
  for (const [code, { status, message }] of Object.entries(S3_ERRORS)) {
    assert.ok(status >= 400 && status < 600 && message.length > 0, code)
  }
})

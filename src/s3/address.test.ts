import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress, parseCopySource, splitTarget, type S3Address } from './address.ts'
import { Refusal, type S3ErrorCode } from './errors.ts'
import { percentDecode, percentEncodePath } from './percent.ts'

const DOMAINS = ['s3.example.com', 'example.com', 'Hot.Local']

function address(rawPath: string, host = 'localhost:9000'): S3Address {
  return parseAddress({ rawPath, host, domains: DOMAINS })
}

function refused(rawPath: string, code: S3ErrorCode, host?: string): void {
  assert.throws(
    () => address(rawPath, host),
    (error) => error instanceof Refusal && error.code === code,
    rawPath,
  )
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

test('splitTarget() splits at the first question mark and normalises nothing', () => {
  assert.deepEqual(splitTarget('/b/../%2e//k?a=1?b'), { rawPath: '/b/../%2e//k', rawQuery: 'a=1?b' })
  assert.deepEqual(splitTarget('/b'), { rawPath: '/b', rawQuery: '' })
  assert.deepEqual(splitTarget('/b?'), { rawPath: '/b', rawQuery: '' })
})

test('parseAddress() reads path style', () => {
  const table: [path: string, bucket: string | undefined, rawKey: string | undefined, key: string | undefined][] = [
    ['/', undefined, undefined, undefined],
    ['/b', 'b', undefined, undefined],
    ['/b/', 'b', undefined, undefined],
    ['/b/k', 'b', 'k', 'k'],
    ['/b/k/', 'b', 'k/', 'k/'],
    ['/b//', 'b', '/', '/'],
    ['/b//k', 'b', '/k', '/k'],
    ['/b/a/../c', 'b', 'a/../c', 'a/../c'],
    ['/b/..', 'b', '..', '..'],
    ['/b/./k', 'b', './k', './k'],
    ['/b/a%2Fb', 'b', 'a%2Fb', 'a/b'],
    ['/b/a+b', 'b', 'a+b', 'a+b'],
    ['/b/a%20b', 'b', 'a%20b', 'a b'],
    ['/b/%C3%A9', 'b', '%C3%A9', utf8('é')],
    ['/b/%c3%a9', 'b', '%c3%a9', utf8('é')],
    [`/b/${utf8('é')}`, 'b', utf8('é'), utf8('é')],
    ['/b/%00%ff', 'b', '%00%ff', '\x00\xff'],
    ['/my%2Dbucket/k', 'my-bucket', 'k', 'k'],
    ['/tenant:bucket/k', 'tenant:bucket', 'k', 'k'],
    ['/Legacy_Bucket.Name/k', 'Legacy_Bucket.Name', 'k', 'k'],
    ['/metrics', 'metrics', undefined, undefined],
  ]
  for (const [path, bucket, rawKey, key] of table) assert.deepEqual(address(path), { bucket, rawKey, key, style: 'path' }, path)
})

test('parseAddress() reads virtual-host style by the longest base domain', () => {
  const table: [host: string, path: string, bucket: string, rawKey: string | undefined][] = [
    ['b.s3.example.com', '/', 'b', undefined],
    ['b.s3.example.com', '/k', 'b', 'k'],
    ['b.s3.example.com:9000', '//k', 'b', '/k'],
    ['B.S3.Example.COM.', '/b/k', 'b', 'b/k'],
    ['my.dotted.bucket.s3.example.com', '/k', 'my.dotted.bucket', 'k'],
    ['b.example.com', '/k', 'b', 'k'],
    ['b.hot.local:80', '/a%2Fb', 'b', 'a%2Fb'],
  ]
  for (const [host, path, bucket, rawKey] of table) {
    const key = rawKey === undefined ? undefined : percentDecode(rawKey)
    assert.deepEqual(address(path, host), { bucket, rawKey, key, style: 'virtual-host' }, host)
  }
})

test('parseAddress() takes base domains themselves, addresses and strangers for path style', () => {
  for (const host of ['s3.example.com', 'example.com:80', '127.0.0.1:9000', '[::1]:9000', '[::1]', 'other.org', '', 'notexample.com']) {
    assert.deepEqual(address('/b/k', host), { bucket: 'b', rawKey: 'k', key: 'k', style: 'path' }, host)
  }
})

test('parseAddress() refuses bad escapes, bad bucket names and keys that are too long', () => {
  for (const path of ['', '*', 'b/k', 'http://x/b']) refused(path, 'InvalidURI')
  for (const path of ['/b/%', '/b/%2', '/b/%zz', '/b/a%2', '/%zz/k', '/b/%+1']) refused(path, 'InvalidURI')
  for (const path of [
    '//k',
    '/a%2Fb/k',
    '/../k',
    '/./k',
    '/%2e%2e/k',
    '/a b/k',
    '/a%00/k',
    '/a%0A',
    `/${'a'.repeat(256)}`,
    '/%C3%A9/k',
    '/a\\b/k',
  ]) {
    refused(path, 'InvalidBucketName')
  }
  refused('/k', 'InvalidBucketName', '.s3.example.com')
  refused('/k', 'InvalidBucketName', 'a b.s3.example.com')
  assert.equal(address(`/b/${'k'.repeat(1024)}`).key?.length, 1024)
  refused(`/b/${'k'.repeat(1025)}`, 'KeyTooLongError')
  // The limit counts bytes of the key, not characters of the path.
  assert.equal(address(`/b/${'%C3%A9'.repeat(512)}`).key?.length, 1024)
  refused(`/b/${'%C3%A9'.repeat(513)}`, 'KeyTooLongError')
})

test('parseAddress() gives every key back that was encoded into a path', () => {
  const keys = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  fc.assert(
    fc.property(keys, (key) => {
      assert.equal(address(`/b/${percentEncodePath(key)}`).key, key)
      assert.equal(address(`/${percentEncodePath(key)}`, 'b.example.com').key, key)
    }),
  )
})

test('parseCopySource() reads the forms that clients send', () => {
  const table: [value: string, bucket: string, key: string, versionId?: string][] = [
    ['b/k', 'b', 'k'],
    ['/b/k', 'b', 'k'],
    ['b/a/b/../c', 'b', 'a/b/../c'],
    ['b//k', 'b', '/k'],
    ['/b%2Fk%2Fx', 'b', 'k/x'],
    ['%2Fb%2Fk', 'b', 'k'],
    ['b/a%20b%2Bc+d', 'b', 'a b+c+d'],
    ['b/k?versionId=abc.1', 'b', 'k', 'abc.1'],
    ['b/k%3FversionId=x', 'b', 'k?versionId=x'],
    [utf8('b/é'), 'b', utf8('é')],
  ]
  for (const [value, bucket, key, versionId] of table) assert.deepEqual(parseCopySource(value), { bucket, key, versionId }, value)
})

test('parseCopySource() refuses what names no bucket and key', () => {
  const arn = 'arn:aws:s3:eu-west-1:123456789012:accesspoint/ap/object/k'
  for (const value of ['', '/', 'b', 'b/', '/b/', '//k', '../k', 'b/%zz', 'a b/k', arn]) {
    assert.throws(
      () => parseCopySource(value),
      (error) => error instanceof Refusal && error.code === 'InvalidArgument',
      value,
    )
  }
})

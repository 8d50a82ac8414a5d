import { percentEncode } from '../../../clients/sign.ts'
import type { Check, CheckGroup } from '../trial.ts'

/** Keys that some link of the chain is likely to decode, encode, normalise or split; they come after the check's own prefix. */
const KEYS: readonly string[] = [
  'with spaces  in it',
  ' leading and trailing ',
  'plus+sign',
  'percent%41',
  'percent%2Fslash',
  'percent%',
  'percent%zz',
  'a//b',
  'a///b',
  '/absolute',
  'folder/',
  './dot',
  '../dotdot',
  'a/./b',
  'a/../b',
  '..',
  '.',
  '...',
  'ünïcödé',
  'ü/é',
  '日本語/文字',
  '😀',
  'null\u0000byte',
  'line\nbreak',
  'return\rhere',
  'tab\there',
  'control\u0001\u001f\u007f',
  'quote"quote\'',
  '<xml>&amp;</xml>',
  'question?mark=1&a=b',
  'hash#mark',
  'semi;colon,comma',
  'at@sign:colon',
  'back\\slash',
  'brackets[]{}()',
  '!$*~^|`',
  'a=b',
  'versionId=1',
  '?acl',
  'metrics',
  'favicon.ico',
  `${'long/'.repeat(180)}end`,
]

function keyed(key: string): Check {
  return async (t) => {
    const Key = `${t.key('k')}${key.startsWith('/') ? '' : '/'}${key}`
    const at = { Bucket: t.bucket, Key }
    const path = `/${t.bucket}/${percentEncode(Key, '/')}`
    await t.may(t.s3.putObject({ ...at, Body: `body of ${key}` }))
    await t.reads(async () => t.s3.getObject(at))
    await t.may(t.s3.headObject(at))
    await t.may(t.s3.getObject({ ...at, Range: 'bytes=1-3' }))
    await t.may(t.send({ method: 'GET', path, sign: 'query' }))
    await t.may(t.s3.copyObject({ ...at, Key: `${Key}.copy`, CopySource: `${t.bucket}/${percentEncode(Key, '/')}` }))
    await t.may(t.s3.getObject({ ...at, Key: `${Key}.copy` }))
    await t.may(t.s3.listObjectsV2({ Bucket: t.bucket, Prefix: t.key('k'), EncodingType: 'url' }))
    await t.may(t.s3.putObject({ ...at, Body: 'overwritten' }))
    await t.may(t.s3.getObject(at))
    await t.may(t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [{ Key: `${Key}.copy` }] } }))
    await t.may(t.s3.getObject({ ...at, Key: `${Key}.copy` }))
    await t.may(t.s3.deleteObject(at))
    await t.may(t.s3.getObject(at))
  }
}

/** Two ways to write a key in a URL, warm in the one and read in the other. */
function spelled(name: string, spellings: readonly string[]): Check {
  return async (t) => {
    await t.may(t.s3.putObject({ ...t.at(name), Body: `body of ${name}` }))
    const base = t.path('').replace(/\/$/, '')
    for (const spelling of spellings) await t.reads(async () => t.send({ method: 'GET', path: `${base}/${spelling}` }))
    for (const spelling of spellings) await t.may(t.send({ method: 'GET', path: `${base}/${spelling}`, sign: 'query' }))
  }
}

export const keyChecks: CheckGroup = {
  name: 'keys',
  checks: {
    ...Object.fromEntries(KEYS.map((key) => [`key ${JSON.stringify(key).slice(0, 60)}`, keyed(key)])),
    'unreserved bytes encoded and not': spelled('a-b_c.d~e', ['a-b_c.d~e', '%61-b_c.d~e', 'a%2Db%5Fc%2Ed%7Ee', 'a%2db%5fc%2ed%7ee']),
    'reserved bytes encoded and not': spelled("a!b'c(d)e*f", ["a!b'c(d)e*f", 'a%21b%27c%28d%29e%2Af']),
    'a slash encoded and not': spelled('a/b', ['a/b', 'a%2Fb', 'a%2fb']),
    'a plus encoded and not': spelled('a+b', ['a+b', 'a%2Bb']),
    'an escape that is none': spelled('a', ['%', '%4', '%zz', 'a%']),
    'bytes that are no UTF-8': spelled('a', ['%ff%fe', '%c3%28', '%ed%a0%80']),
    'a key of 1,024 bytes and one more': async (t) => {
      const fill = 1024 - Buffer.byteLength(t.key(''))
      for (const length of [fill - 1, fill, fill + 1]) {
        await t.may(t.s3.putObject({ ...t.at('x'.repeat(length)), Body: 'long' }))
        await t.may(t.s3.getObject(t.at('x'.repeat(length))))
      }
    },
    'keys that differ in case': async (t) => {
      for (const name of ['Case', 'case', 'CASE']) await t.s3.putObject({ ...t.at(name), Body: name })
      for (const name of ['Case', 'case', 'CASE']) await t.look(name)
    },
    'keys that differ in normal form': async (t) => {
      for (const name of ['\u00e9', 'e\u0301']) await t.s3.putObject({ ...t.at(name), Body: name })
      for (const name of ['\u00e9', 'e\u0301']) await t.look(name)
    },
    'a bucket with a slash and without': async (t) => {
      for (const path of [`/${t.bucket}`, `/${t.bucket}/`]) await t.may(t.send({ method: 'GET', path, query: { location: '' } }))
    },
    'an empty key': async (t) => {
      for (const method of ['GET', 'HEAD', 'DELETE']) await t.may(t.send({ method, path: `/${t.bucket}//` }))
      await t.may(t.send({ method: 'PUT', path: `/${t.bucket}//`, body: Buffer.from('slash') }))
      await t.may(t.send({ method: 'GET', path: `/${t.bucket}//` }))
    },
  },
}

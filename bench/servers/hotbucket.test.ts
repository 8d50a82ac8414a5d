import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hotbucketConfig, type HotbucketSetup } from './hotbucket.ts'

const SETUP: HotbucketSetup = { source: { kind: 'files', root: '/data' }, memoryMiB: 64, workers: 1, cpus: '0', workDirectory: '/work' }

test('hotbucketConfig() serves files, or an S3 origin that requests are signed for', () => {
  assert.match(hotbucketConfig(SETUP, 1, 2), /"directory":"\/data"/)
  const text = hotbucketConfig({ ...SETUP, source: { kind: 's3', port: 99 } }, 1, 2)
  assert.match(text, /"url":"http:\/\/127\.0\.0\.1:99","accessKeyId"/)
  assert.doesNotMatch(text, /directory/)
})

test('hotbucketConfig() has TLS only where there is a certificate', () => {
  assert.doesNotMatch(hotbucketConfig(SETUP, 1, 2), /tls/)
  const identity = { certificate: '/c.pem', key: '/k.pem', bundle: '/b.pem' }
  assert.match(hotbucketConfig({ ...SETUP, identity }, 1, 2), /"tls":\{"certificate":"\/c\.pem","key":"\/k\.pem"\}/)
})

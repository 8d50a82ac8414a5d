import assert from 'node:assert/strict'
import { test } from 'node:test'

import { nginxConfig, type NginxSetup } from './nginx.ts'

const FILES: NginxSetup = { source: { kind: 'files', root: '/data' }, workers: 1, cpus: '0', workDirectory: '/work' }

test('nginxConfig() serves files with one worker and without a cache or TLS', () => {
  const text = nginxConfig(FILES, { port: 8080, number: 3 })
  assert.match(text, /worker_processes 1;/)
  assert.match(text, /listen 127\.0\.0\.1:8080 backlog=4096;/)
  assert.match(text, /root \/data;/)
  assert.doesNotMatch(text, /proxy_cache|ssl/)
})

test('nginxConfig() gives several workers a listener each', () => {
  assert.match(nginxConfig({ ...FILES, workers: 2 }, { port: 1, number: 1 }), /listen 127\.0\.0\.1:1 backlog=4096 reuseport;/)
})

test('nginxConfig() puts a cache in front of another server, in a directory of its own', () => {
  const text = nginxConfig({ ...FILES, source: { kind: 'cache', originPort: 99 } }, { port: 1, number: 7 })
  assert.match(text, /proxy_cache_path \/work\/nginx-7-cache .*keys_zone=objects/)
  assert.match(text, /proxy_pass http:\/\/127\.0\.0\.1:99;/)
  assert.doesNotMatch(text, /root \/data/)
})

test('nginxConfig() speaks TLS with one protocol and one suite', () => {
  const identity = { certificate: '/c.pem', key: '/k.pem', bundle: '/b.pem' }
  const text = nginxConfig({ ...FILES, identity }, { port: 1, number: 1 })
  assert.match(text, /listen .* ssl;/)
  assert.match(text, /ssl_certificate \/c\.pem;\n +ssl_certificate_key \/k\.pem;/)
  assert.match(text, /ssl_protocols TLSv1\.3;/)
})

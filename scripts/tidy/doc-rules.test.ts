import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkArchitecture, checkChangelog, checkDependencies, checkMetricNames, checkReferences } from './doc-rules.ts'
import type { Finding } from './finding.ts'

function tree(files: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(files))
}

const messages = (findings: readonly Finding[]) => findings.map(({ file, line, message }) => `${file}:${line}: ${message}`)

test('checkDependencies() wants an entry in DECISIONS.md for every runtime dependency', () => {
  const manifest = JSON.stringify({ dependencies: { zod: '1', hono: '1' }, devDependencies: { knip: '1' } })
  const found = checkDependencies(tree({ 'package.json': manifest, 'DECISIONS.md': 'We use `zod` because of this.' }))
  assert.deepEqual(messages(found), ['DECISIONS.md:1: the dependency `hono` has no entry: wanted why it is here'])
})

test('checkArchitecture() wants every folder described, the life of a GET, and files that exist', () => {
  const text = '# Architecture\n\n## The life of a GET\n\n`src/cache/gone.ts` then `src/cache/read.ts`\n\n`src/cache/` holds bytes\n'
  const found = checkArchitecture(tree({ 'ARCHITECTURE.md': text, 'src/cache/read.ts': '', 'src/http/parser.ts': '', 'src/main.ts': '' }))
  assert.deepEqual(messages(found), [
    'ARCHITECTURE.md:1: the folder `src/http/` is not described',
    'ARCHITECTURE.md:5: src/cache/gone.ts does not exist',
  ])
  assert.match(messages(checkArchitecture(tree({ 'ARCHITECTURE.md': '' }))).join(), /no section "The life of a GET"/)
})

test('checkChangelog() wants what is not released first', () => {
  assert.deepEqual(checkChangelog(tree({ 'CHANGELOG.md': '# Changelog\n\n## Unreleased\n\n## 1.0.0\n' })), [])
  assert.equal(checkChangelog(tree({ 'CHANGELOG.md': '# Changelog\n\n## 1.0.0\n' })).length, 1)
  assert.equal(checkChangelog(tree({})).length, 1)
})

test('checkReferences() finds dead links and scripts that do not exist', () => {
  const manifest = JSON.stringify({ scripts: { ok: 'x' } })
  const text = '[a](docs/a.md) [b](docs/b.md#part) [c](https://example.com) [d](#here) [e](docs/)\n`npm run ok` and `npm run -s gone`'
  const found = checkReferences(tree({ 'package.json': manifest, 'README.md': text, 'docs/a.md': '[up](../README.md)' }))
  assert.deepEqual(messages(found), [
    'README.md:1: the link leads to docs/b.md, which does not exist',
    'README.md:2: npm run gone is no script of package.json',
  ])
})

test('checkMetricNames() finds metrics that do not exist', () => {
  const found = checkMetricNames(
    tree({ 'docs/metrics.md': '| `hotbucket_ready` |', 'docs/operations.md': '`hotbucket_ready`\n`hotbucket_gone{a="b"}`' }),
  )
  assert.deepEqual(messages(found), ['docs/operations.md:2: the metric hotbucket_gone is not in docs/metrics.md'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCycles, checkReachable, checkTestingStaysOut } from './import-graph.ts'
import { importGraph, importsOf } from './imports.ts'
import { checkLayers } from './layers.ts'

/** A graph of files that are given by their import lines. */
function graph(files: Readonly<Record<string, string>>) {
  return importGraph(new Map(Object.entries(files)))
}

test('importsOf() finds values, types, re-exports, side effects, dynamic imports and workers, each with its line', () => {
  const text = [
    `import { a } from './a.ts'`,
    `import type { B } from '../base/b.ts'`,
    `export { c } from './c.ts'`,
    `import './d.ts'`,
    `import {`,
    `  e,`,
    `} from 'node:fs'`,
    `const f = await import('./f.ts')`,
    `new Worker(new URL('./g.ts', import.meta.url))`,
    `export const text = 'not an import'`,
  ].join('\n')
  assert.deepEqual(
    importsOf('src/x/file.ts', text).map(({ line, specifier, target, typeOnly }) => [line, specifier, target, typeOnly]),
    [
      [1, './a.ts', 'src/x/a.ts', false],
      [2, '../base/b.ts', 'src/base/b.ts', true],
      [3, './c.ts', 'src/x/c.ts', false],
      [4, './d.ts', 'src/x/d.ts', false],
      [5, 'node:fs', undefined, false],
      [8, './f.ts', 'src/x/f.ts', false],
      [9, './g.ts', 'src/x/g.ts', false],
    ],
  )
})

test('checkLayers() refuses arrows upwards and sideways, type-only ones included', () => {
  const refused = {
    'src/base/a.ts': `import { x } from '../config/config.ts'`,
    'src/cache/a.ts': `import type { X } from '../s3/range.ts'`,
    'src/http/a.ts': `import type { X } from '../cache/api.ts'`,
    'src/signals/a.ts': `import { x } from '../gateway/handle.ts'`,
    'src/gateway/a.ts': `import { x } from '../admin/admin.ts'`,
    'src/admin/a.ts': `import { x } from '../app.ts'`,
  }
  assert.deepEqual(
    checkLayers(graph(refused)).map(({ file, line }) => [file, line]),
    Object.keys(refused).map((file) => [file, 1]),
  )
})

test('checkLayers() lets imports point downwards, and tests import what they like', () => {
  const allowed = {
    'src/origin/a.ts': `import { x } from '../s3/sign.ts'`,
    'src/gateway/a.ts': `import { x } from '../cache/api.ts'`,
    'src/cli/a.ts': `import { x } from '../app.ts'`,
    'src/app.ts': `import { x } from './admin/admin.ts'`,
    'src/base/a.test.ts': `import { x } from '../config/config.ts'`,
  }
  assert.deepEqual(checkLayers(graph(allowed)), [])
})

test('checkLayers() keeps packages and node modules where they belong', () => {
  const found = checkLayers(
    graph({
      'src/s3/a.ts': `import { readFileSync } from 'node:fs'`,
      'src/s3/b.ts': `import { createHash } from 'node:crypto'`,
      'src/cache/a.ts': `import { z } from 'zod'`,
      'src/admin/a.ts': `import { serve } from '@hono/node-server/serve'`,
    }),
  )
  assert.deepEqual(
    found.map(({ file, message }) => `${file} ${message}`),
    [
      'src/s3/a.ts src/s3 may not import node:fs: wanted only node:crypto, node:module, node:zlib of node',
      'src/cache/a.ts src/cache may not import zod: wanted no package at all',
    ],
  )
})

test('checkCycles() names one way round, and lets a type look back', () => {
  const value = graph({
    'src/a.ts': `import { b } from './b.ts'`,
    'src/b.ts': `\nimport { c } from './c.ts'`,
    'src/c.ts': `import { a } from './a.ts'`,
  })
  assert.deepEqual(checkCycles(value), [
    { file: 'src/c.ts', line: 1, message: 'import cycle: src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts' },
  ])
  assert.deepEqual(checkCycles(graph({ 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import type { A } from './a.ts'` })), [])
})

test('checkReachable() finds what only its own test imports', () => {
  const found = checkReachable(
    graph({
      'src/main.ts': `import { used } from './used.ts'`,
      'src/used.ts': '',
      'src/dead.ts': '',
      'src/dead.test.ts': `import { dead } from './dead.ts'`,
      'src/x/testing/fixture.ts': '',
      'scripts/tidy.ts': `import { rule } from './tidy/rule.ts'`,
      'scripts/tidy/rule.ts': '',
    }),
  )
  assert.deepEqual(
    found.map(({ file }) => file),
    ['src/dead.ts'],
  )
})

test('checkTestingStaysOut() refuses test code in the product', () => {
  const found = checkTestingStaysOut(
    graph({
      'src/a.ts': `import { x } from './testing/x.ts'`,
      'src/b.ts': `import { x } from '../test/support/x.ts'`,
      'src/a.test.ts': `import { x } from './testing/x.ts'`,
    }),
  )
  assert.deepEqual(
    found.map(({ file }) => file),
    ['src/a.ts', 'src/b.ts'],
  )
})

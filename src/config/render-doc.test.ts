import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from './load.ts'
import { OPTION_ROWS } from './option-rows.ts'
import { formatProblem } from './problem.ts'
import { renderConfigDoc } from './render-doc.ts'

test('renderConfigDoc() has a line for every option of the table', () => {
  const lines = renderConfigDoc().split('\n')
  const doc = new Map(OPTION_ROWS.map((row) => [row.key, row.doc.replaceAll('|', '\\|')]))
  for (const [key, text] of doc)
    assert.ok(
      lines.some((line) => line.endsWith(`${text} |`)),
      key,
    )
})

test('renderConfigDoc() shows a file that loads', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'hotbucket-doc-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const example = /```yaml\n([\s\S]*?)```/.exec(renderConfigDoc())?.[1]
  assert.ok(example !== undefined)
  writeFileSync(join(directory, 'example.yaml'), example)
  const env = { LAB_KEY: 'k', LAB_SECRET: 's', READER_SECRET: 'r' }
  const result = loadConfig({
    file: 'example.yaml',
    flags: {},
    env,
    directory,
    machine: { memoryBytes: 2 ** 40, cores: 2, sharesPorts: true },
  })
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'))
  assert.deepEqual(result.warnings, [])
})

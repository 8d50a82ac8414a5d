import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionOf, METRIC_NAMES } from './catalog.ts'
import { renderMetricsDoc, renderVocabularyDoc } from './describe.ts'
import { OUTCOMES, REASONS } from './vocabulary.ts'

test('renderMetricsDoc() names every metric with its help, and is the same each time', () => {
  const doc = renderMetricsDoc()
  for (const name of METRIC_NAMES) {
    const definition = definitionOf(name)
    assert.ok(doc.includes(`| \`${definition.name}\` | ${definition.type} |`), definition.name)
    assert.ok(doc.includes(definition.help.replaceAll('|', String.raw`\|`)), definition.help)
  }
  assert.equal(doc, renderMetricsDoc())
})

test('renderVocabularyDoc() lists every outcome and every reason', () => {
  const doc = renderVocabularyDoc()
  for (const word of [...Object.keys(OUTCOMES), ...Object.keys(REASONS)]) assert.ok(doc.includes(`| \`${word}\` |`), word)
})

test('every row of a table has as many cells as its head', () => {
  for (const doc of [renderMetricsDoc(), renderVocabularyDoc()]) {
    let width = 0
    for (const line of doc.split('\n')) {
      const cells = line.startsWith('|') ? line.replaceAll(String.raw`\|`, '').split('|').length : 0
      assert.ok(width === 0 || cells === 0 || cells === width, line)
      width = cells
    }
  }
})

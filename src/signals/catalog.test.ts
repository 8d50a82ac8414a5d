import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionOf, labelEntries, METRIC_NAMES } from './catalog.ts'
import { LAYOUT } from './metric-layout.ts'

const definitions = METRIC_NAMES.map((name) => definitionOf(name))

test('every metric is named as Prometheus wants it: prefix, unit, _total for counters alone', () => {
  for (const { name, type, unit } of definitions) {
    assert.match(name, /^hotbucket_[a-z][a-z0-9_]*[a-z0-9]$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    const base = name.replace(/_total$/, '')
    for (const suffix of ['_bucket', '_sum', '_count', '_info']) assert.ok(!base.endsWith(suffix), `${name} ends with ${suffix}`)
    if (unit !== 'none') assert.match(base, new RegExp(`_${unit}(_saved)?$|^hotbucket_${unit}_saved$`), `${name} is in ${unit}`)
  }
  assert.equal(new Set(definitions.map(({ name }) => name)).size, definitions.length)
})

test('every label has a closed set of values, and a name that is not reserved', () => {
  for (const definition of definitions) {
    for (const [label, domain] of labelEntries(definition)) {
      assert.match(label, /^[a-z][a-z_]*$/)
      assert.ok(!['le', 'quantile', 'job', 'instance', 'thread'].includes(label), label)
      if (!('table' in domain)) assert.equal(new Set(domain).size, domain.length, `${definition.name} ${label}`)
    }
  }
})

test('histogram edges ascend, tell sub-millisecond hits apart and reach to a minute', () => {
  for (const { edges, name, type } of definitions) {
    assert.equal(edges.length > 0, type === 'histogram', name)
    for (let i = 1; i < edges.length; i++) assert.ok(edges[i]! > edges[i - 1]!, name)
  }
  const { edges } = definitionOf('ttfb')
  assert.equal(edges[0], 50e-6)
  assert.ok(edges.filter((edge) => edge < 1e-3).length >= 4)
  assert.equal(edges.at(-1), 60)
})

test('one registry stays small: bounded series, bounded bytes', () => {
  const series = Object.values(LAYOUT.metrics).reduce((sum, { seriesCount }) => sum + seriesCount, 0)
  assert.ok(series < 3000, `${series} series`)
  assert.ok(LAYOUT.byteLength < 128 * 1024, `${LAYOUT.byteLength} bytes`)
})

test('cells of different series never overlap', () => {
  let next = 0
  for (const { offset, stride, seriesCount } of Object.values(LAYOUT.metrics)) {
    assert.equal(offset, next)
    next = offset + stride * seriesCount
  }
  assert.equal(next, LAYOUT.cellCount)
})

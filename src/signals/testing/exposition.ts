import assert from 'node:assert/strict'

/** One sample line of a Prometheus text exposition. */
interface ExposedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One family: its TYPE, its HELP, its samples in order. */
export interface ExposedFamily {
  readonly type: string
  readonly help: string
  readonly samples: ExposedSample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const NUMBER = /^(?:[+-]Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/

/**
 * Parses the text format 0.0.4 and fails on everything that Prometheus or promtool would object to: samples outside their
 * family, families in two places, duplicate series, bad escapes, histograms that are not cumulative or whose count differs.
 */
export function parseExposition(text: string): ReadonlyMap<string, ExposedFamily> {
  assert.ok(text.endsWith('\n'), 'the last line ends with a line feed')
  const families = new Map<string, ExposedFamily>()
  const seen = new Set<string>()
  let help: { name: string; text: string } | undefined
  let current: { name: string; family: ExposedFamily } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line.startsWith('# HELP ')) {
      help = parseHelp(line)
    } else if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? []
      assert.equal(help?.name, name, `TYPE follows its HELP: ${line}`)
      assert.ok(!families.has(name), `family ${name} stands in one place`)
      current = { name, family: { type, help: help?.text ?? '', samples: [] } }
      families.set(name, current.family)
    } else {
      const sample = parseSample(line)
      assert.ok(current !== undefined && belongsTo(sample.name, current), `a sample of its family: ${line}`)
      const identity = sample.name + labelText(sample.labels)
      assert.ok(!seen.has(identity), `a series appears once: ${line}`)
      seen.add(identity)
      current.family.samples.push(sample)
    }
  }
  for (const [name, family] of families) checkFamily(name, family)
  return families
}

function parseHelp(line: string): { name: string; text: string } {
  const [, name = '', text = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? []
  assert.match(name, NAME)
  assert.doesNotMatch(text, /(?:^|[^\\])(?:\\\\)*\\(?![\\n])/, `bad escape in help: ${line}`)
  return { name, text }
}

function checkFamily(name: string, family: ExposedFamily): void {
  assert.ok(family.samples.length > 0, `${name} has samples`)
  if (family.type === 'histogram') checkHistograms(name, family)
  if (family.type === 'counter') for (const { value } of family.samples) assert.ok(value >= 0, `${name} is a counter`)
}

/** The value of a sample by name and labels, all of which must match. */
export function sampleValue(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  for (const family of parseExposition(text).values()) {
    for (const sample of family.samples) {
      if (sample.name === name && labelText(sample.labels) === labelText(labels)) {
        return sample.value
      }
    }
  }
  return undefined
}

/** The same text for the same labels, in whatever order. */
function labelText(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function belongsTo(sample: string, current: { name: string; family: ExposedFamily }): boolean {
  if (current.family.type !== 'histogram') return sample === current.name
  return ['_bucket', '_sum', '_count'].some((suffix) => sample === current.name + suffix)
}

function parseSample(line: string): ExposedSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s.exec(line)
  assert.ok(match !== null, `a sample line: ${line}`)
  const [, name = '', labelText, number = ''] = match
  assert.match(number, NUMBER, `a number: ${line}`)
  const value = number === '+Inf' ? Infinity : number === '-Inf' ? -Infinity : Number(number)
  return { name, labels: labelText === undefined ? {} : parseLabels(labelText), value }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/.exec(rest)
    assert.ok(match !== null, `labels: ${rest}`)
    const [whole, name = '', value = ''] = match
    assert.ok(!(name in labels), `label ${name} appears once`)
    labels[name] = value.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
    rest = rest.slice(whole.length)
  }
  return labels
}

function checkHistograms(name: string, family: ExposedFamily): void {
  const groups = new Map<string, ExposedSample[]>()
  for (const sample of family.samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const [labels, samples] of groups) {
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
    const edges = buckets.map((bucket) => (bucket.labels['le'] === '+Inf' ? Infinity : Number(bucket.labels['le'])))
    assert.equal(edges.at(-1), Infinity, `${name}${labels} ends with +Inf`)
    for (let i = 1; i < buckets.length; i++) {
      assert.ok((edges[i] ?? NaN) > (edges[i - 1] ?? NaN), `${name}${labels}: edges ascend`)
      assert.ok((buckets[i]?.value ?? NaN) >= (buckets[i - 1]?.value ?? NaN), `${name}${labels}: buckets are cumulative`)
    }
    assert.equal(samples.filter((sample) => sample.name === `${name}_sum`).length, 1)
    assert.equal(samples.find((sample) => sample.name === `${name}_count`)?.value, buckets.at(-1)?.value, `${name}${labels}: count is +Inf`)
  }
}

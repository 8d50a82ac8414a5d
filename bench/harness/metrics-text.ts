/** One line of the Prometheus text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Fetches and reads the metrics of an admin listener. */
export async function scrape(admin: string): Promise<Sample[]> {
  const response = await fetch(`${admin}/metrics`)
  if (!response.ok) throw new Error(`Cannot read metrics from "${admin}": it answered ${response.status}`)
  return parseMetrics(await response.text())
}

/** Reads the Prometheus text format; comments are passed over. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels, value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    const pairs = [...(labels ?? '').matchAll(LABEL)].map(([, key, text]): [string, string] => [key!, text!])
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value.replace('Inf', 'Infinity')) }]
  })
}

/** The sum of all series of a metric with these labels; 0 where there is none. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return matching(samples, name, labels).reduce((sum, sample) => sum + sample.value, 0)
}

/**
 * The upper bound of the highest histogram bucket that anything fell into between two scrapes, in the metric's unit; 0 where
 * nothing did. Series with different other labels are looked at together.
 */
export function highestBucket(before: readonly Sample[], after: readonly Sample[], metric: string): number {
  const cumulative = (samples: readonly Sample[]): Map<number, number> => {
    const sums = new Map<number, number>()
    for (const { labels, value } of matching(samples, `${metric}_bucket`, {})) {
      const bound = Number((labels['le'] ?? '').replace('Inf', 'Infinity'))
      sums.set(bound, (sums.get(bound) ?? 0) + value)
    }
    return sums
  }
  const earlier = cumulative(before)
  const later = [...cumulative(after)].toSorted(([a], [b]) => a - b)
  let seen = 0
  let highest = 0
  for (const [bound, count] of later) {
    const within = count - (earlier.get(bound) ?? 0)
    if (within > seen) highest = bound
    seen = within
  }
  return highest
}

function matching(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>): Sample[] {
  return samples.filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
}

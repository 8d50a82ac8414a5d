/** The middle value; the mean of the two middle ones for an even count. Undefined for none. */
export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5)
}

/** The value below which the given share of the values lies, by linear interpolation. Undefined for none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined
  const ascending = values.toSorted((a, b) => a - b)
  const position = share * (ascending.length - 1)
  const below = ascending[Math.floor(position)]!
  const above = ascending[Math.ceil(position)]!
  return below + (above - below) * (position - Math.floor(position))
}

/** Median absolute deviation: the spread that one wild round does not move. Undefined for none. */
export function medianAbsoluteDeviation(values: readonly number[]): number | undefined {
  const middle = median(values)
  return middle === undefined ? undefined : median(values.map((value) => Math.abs(value - middle)))
}

/** A median and how far half of the values lie from it. */
export interface Spread {
  readonly median: number
  readonly deviation: number
  readonly count: number
}

/** Undefined for no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const middle = median(values)
  const deviation = medianAbsoluteDeviation(values)
  return middle === undefined || deviation === undefined ? undefined : { median: middle, deviation, count: values.length }
}

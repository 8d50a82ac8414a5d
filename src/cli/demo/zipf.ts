/**
 * Draws ranks 0 .. count-1 where rank r has weight 1 / (r + 1)^exponent: the shape that object popularity has in
 * published cache traces (exponents 0.6 to 1.1). A table of cumulative weights and a binary search: exact, 8 bytes a rank.
 */
export function zipfSampler(count: number, exponent: number, random: () => number): () => number {
  const cumulative = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) {
    total += (rank + 1) ** -exponent
    cumulative[rank] = total
  }
  return () => firstAbove(cumulative, random() * total)
}

/** The first index whose value is above `target`; the last index where none is. */
function firstAbove(ascending: Float64Array, target: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] ?? 0) > target) high = middle
    else low = middle + 1
  }
  return low
}

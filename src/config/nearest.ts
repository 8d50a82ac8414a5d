/** Words further from the misspelt one than this share of their length are no suggestion. */
const DISTANCE_SHARE_MAX = 0.4
/** Comparing costs the product of the lengths; no option has a name this long. */
const WORD_LENGTH_MAX = 64

/** The candidate that a misspelt word was probably meant to be, or undefined. */
export function nearest(misspelt: string, candidates: readonly string[]): string | undefined {
  if (misspelt.length > WORD_LENGTH_MAX) return undefined
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(misspelt.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance && distance <= Math.max(misspelt.length, candidate.length) * DISTANCE_SHARE_MAX) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance: insertions, deletions and replacements. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, j) => j)
  for (let i = 1; i <= left.length; i++) {
    const current = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[right.length] ?? 0
}

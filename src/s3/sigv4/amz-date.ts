// hot path: a date is read for every signed request, so no text is built to check it.
const FORM = /^\d{8}T\d{6}Z$/

/** `20130524T000000Z` → milliseconds since the epoch; undefined where it is no such date. */
export function parseAmzDate(text: string): number | undefined {
  if (!FORM.test(text)) return undefined
  const year = digits(text, 0) * 100 + digits(text, 2)
  const month = digits(text, 4)
  const day = digits(text, 6)
  const hours = digits(text, 9)
  const minutes = digits(text, 11)
  const seconds = digits(text, 13)
  // Date.UTC reads years below 100 as 19xx.
  if (year < 100 || hours > 23 || minutes > 59 || seconds > 59) return undefined
  const timeMs = Date.UTC(year, month - 1, day, hours, minutes, seconds)
  // What is out of range rolls over into another month.
  const date = new Date(timeMs)
  return date.getUTCDate() === day && date.getUTCMonth() === month - 1 ? timeMs : undefined
}

/** The number that two digits stand for. */
function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

/** Milliseconds since the epoch → `20130524T000000Z`. */
export function formatAmzDate(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/** The day of an `x-amz-date`: the first part of a scope. */
export function dayOf(amzDate: string): string {
  return amzDate.slice(0, 8)
}

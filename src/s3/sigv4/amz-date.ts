/** `20130524T000000Z` → milliseconds since the epoch; undefined where it is no such date. */
export function parseAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number)
  const timeMs = Date.UTC(year, month - 1, day, hours, minutes, seconds)
  // Date.UTC rolls over what is out of range and reads years below 100 as 19xx.
  return !Number.isNaN(timeMs) && formatAmzDate(timeMs) === text ? timeMs : undefined
}

/** Milliseconds since the epoch → `20130524T000000Z`. */
export function formatAmzDate(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/** The day of an `x-amz-date`: the first part of a scope. */
export function dayOf(amzDate: string): string {
  return amzDate.slice(0, 8)
}

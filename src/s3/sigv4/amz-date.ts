// hot path: a date is read for every signed request, so no text and no Date is made to check it.
const LENGTH = '20130524T000000Z'.length
const LETTER_T = 0x54
const LETTER_Z = 0x5a
const ZERO = 0x30
/** Makes any sum with it negative. */
const NO_NUMBER = -1_000_000

/** `20130524T000000Z` → milliseconds since the epoch; undefined where it is no such date. */
export function parseAmzDate(text: string): number | undefined {
  if (text.length !== LENGTH || text.charCodeAt(8) !== LETTER_T || text.charCodeAt(15) !== LETTER_Z) return undefined
  const year = digits(text, 0) * 100 + digits(text, 2)
  const month = digits(text, 4)
  const day = digits(text, 6)
  const hours = digits(text, 9)
  const minutes = digits(text, 11)
  const seconds = digits(text, 13)
  // Date.UTC reads years below 100 as 19xx.
  if (year < 100 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) return undefined
  return Date.UTC(year, month - 1, day, hours, minutes, seconds)
}

/** The number that two digits stand for; far below zero where they are none. */
function digits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NO_NUMBER
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Milliseconds since the epoch → `20130524T000000Z`. */
export function formatAmzDate(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/** The day of an `x-amz-date`: the first part of a scope. */
export function dayOf(amzDate: string): string {
  return amzDate.slice(0, 8)
}

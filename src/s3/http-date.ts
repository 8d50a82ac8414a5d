const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** `Sun, 06 Nov 1994 08:49:37 GMT`; also without a zero before the day, and with the zones that mean the same. */
const IMF_FIXDATE = /^[a-z]{3}, (\d{1,2}) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:gmt|utc|[+-]0000)$/i
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const RFC_850 = /^[a-z]{6,9}, (\d\d)-([a-z]{3})-(\d\d) (\d\d):(\d\d):(\d\d) gmt$/i
/** `Sun Nov  6 08:49:37 1994` */
const ASCTIME = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/i
/** `1994-11-06T08:49:37.123Z`: not HTTP, but S3 takes it. */
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?Z$/i

/** A date of more than this many years ahead belongs to the century before (RFC 9110 section 5.6.7). */
const TWO_DIGIT_YEAR_HORIZON = 50

/** Milliseconds since the epoch, whole seconds; undefined where the text is no date. RFC 9110 section 5.6.7, obsolete forms too. */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const imf = IMF_FIXDATE.exec(text)
  if (imf !== null) return utc(imf[3], monthOf(imf[2]), imf[1], imf.slice(4, 7))
  const iso = RFC_3339.exec(text)
  if (iso !== null) return utc(iso[1], Number(iso[2]) - 1, iso[3], iso.slice(4, 7))
  const asctime = ASCTIME.exec(text)
  if (asctime !== null) return utc(asctime[6], monthOf(asctime[1]), asctime[2], asctime.slice(3, 6))
  const old = RFC_850.exec(text)
  if (old === null) return undefined
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = Math.floor(thisYear / 100) * 100 + Number(old[3])
  return utc(String(year > thisYear + TWO_DIGIT_YEAR_HORIZON ? year - 100 : year), monthOf(old[2]), old[1], old.slice(4, 7))
}

/** IMF-fixdate, as every HTTP sender writes dates today. */
export function formatHttpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString()
}

function monthOf(name: string | undefined): number {
  return MONTHS.indexOf((name ?? '').toLowerCase())
}

function utc(year: string | undefined, month: number, day: string | undefined, time: readonly string[]): number | undefined {
  const [hours = Number.NaN, minutes = Number.NaN, seconds = Number.NaN] = time.map(Number)
  const timeMs = Date.UTC(Number(year), month, Number(day), hours, minutes, seconds)
  if (Number.isNaN(timeMs)) return undefined
  // Date.UTC rolls over what is out of range (31 February, 25 hours); only a leap second may roll.
  const date = new Date(timeMs)
  const leap = seconds === 60
  const same = leap || (date.getUTCMonth() === month && date.getUTCDate() === Number(day) && date.getUTCHours() === hours)
  return same && hours < 24 && minutes < 60 && seconds <= 60 && month >= 0 ? timeMs : undefined
}

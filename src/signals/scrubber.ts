/** What stands in place of something that must not be logged. */
export const REDACTED = '[redacted]'

/** Shorter secrets would match by accident everywhere, and guard nothing. */
const SECRET_LENGTH_MIN = 8

/** Long enough for the name that announces a value. */
const OVERLAP_LENGTH_MIN = 256

/** What a control character becomes: visible, harmless in a terminal, one character long. */
const REPLACEMENT = '\ufffd'

/** C0, DEL, C1, line and paragraph separators, and the characters that turn the direction of text: all can forge what a reader sees. */
// oxlint-disable-next-line no-control-regex -- finding control characters is its purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Quick test that spares harmless text the patterns below. */
const SUSPICIOUS = /amz|goog|sign|auth|aws |aws4|token|secret|passw|bearer|basic|:\/\//i

/** Between a name and its value: `=` (also percent-encoded), `: `, and their quoted forms. */
const SEPARATOR = String.raw`["']?\s*(?:=|%3d|:)\s*["']?`

const VALUE = String.raw`[^&\s"'<>,;]*`

const SECRET_NAMES = 'signature|token|password|passwd|credential|accesskeyid|secret(?:[-_]?access)?(?:[-_]?key)?'

/**
 * What gives access when read by others: parts of presigned URLs, authorization fields, credentials in URLs. No pattern may
 * begin in the middle of what another attempt of it has scanned: clients choose the text, and time must stay linear in it.
 */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(String.raw`(?<![\w-])(x-(?:amz|goog)-[a-z0-9-]{1,64})${SEPARATOR}${VALUE}`, 'gi'), `$1=${REDACTED}`],
  [/\b(AWS4-(?:HMAC|ECDSA))[^\n]*/gi, `$1 ${REDACTED}`],
  [/\b((?:proxy-)?authorization)["']?\s*[:=%][^\n]*/gi, `$1: ${REDACTED}`],
  [/\b(bearer|basic)\s+[\w+/=.~-]+/gi, `$1 ${REDACTED}`],
  [/\bAWS \w+:[\w+/=]+/g, `AWS ${REDACTED}`],
  [new RegExp(`(${SECRET_NAMES})${SEPARATOR}${VALUE}`, 'gi'), `$1=${REDACTED}`],
  [/(:\/\/)[^/\s@]*@/g, `$1${REDACTED}@`],
]

/**
 * Makes text from outside fit for a log: no control characters, nothing that gives access, no known secret, bounded length.
 * Object keys and user agents are free text that clients choose, and error messages of libraries quote URLs.
 */
export class Scrubber {
  readonly #secrets: RegExp | undefined
  /** Characters beyond the cut that are looked at: as many as the longest secret has. */
  readonly #overlap: number

  /** `secrets`: values that may never appear, as they are or percent-encoded. */
  constructor(secrets: readonly string[]) {
    const forms = new Set<string>()
    for (const secret of secrets) {
      if (secret.length < SECRET_LENGTH_MIN) continue
      forms.add(secret)
      const encoded = encodeURIComponent(secret)
      forms.add(encoded)
      forms.add(encoded.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()))
      forms.add(JSON.stringify(secret).slice(1, -1))
    }
    // The longest first, so that no secret that contains another leaves its rest behind.
    const longestFirst = [...forms].sort((a, b) => b.length - a.length)
    this.#overlap = Math.max(OVERLAP_LENGTH_MIN, longestFirst[0]?.length ?? 0)
    this.#secrets = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map((form) => escapePattern(form)).join('|'), 'g')
  }

  /** The text without what must not be seen. Cut to `lengthMax` characters last: half a secret is still a secret. */
  scrub(text: string, lengthMax: number): string {
    let clean = text.slice(0, lengthMax + this.#overlap).replace(CONTROL, REPLACEMENT)
    if (this.#secrets !== undefined) clean = clean.replace(this.#secrets, REDACTED)
    if (SUSPICIOUS.test(clean)) for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement)
    const cut = text.length > lengthMax + this.#overlap
    // What stands at the end may be the first part of a secret.
    if (cut) clean = clean.slice(0, Math.max(0, clean.length - this.#overlap))
    return cut || clean.length > lengthMax ? `${clean.slice(0, lengthMax)}…` : clean
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`)
}

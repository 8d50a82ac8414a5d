import { BYTE_CLASS, HOST_NAME } from './byte-class.ts'

/** Longest host and port that is believed: a DNS name (253), brackets, and a port. */
const AUTHORITY_LENGTH_MAX = 264

/**
 * True for `host[:port]` with a registered name, an IPv4 address or a bracketed IPv6 address (RFC 3986 section 3.2). Without
 * user information, and never empty: an empty Host says that the target has no authority, which no HTTP target here may have.
 */
export function isAuthority(text: string): boolean {
  if (text.length === 0 || text.length > AUTHORITY_LENGTH_MAX) return false
  let at = text.charCodeAt(0) === 0x5b ? bracketEnd(text) : nameEnd(text)
  if (at === 0) return false
  if (at === text.length) return true
  if (text[at] !== ':') return false
  for (at += 1; at < text.length; at += 1) if (!isDigit(text.charCodeAt(at))) return false
  return true
}

/** An absolute-form target (RFC 9112 section 3.2.2) as origin-form and authority, or undefined where it is none that we serve. */
export function splitAbsoluteTarget(target: string): { readonly target: string; readonly host: string } | undefined {
  const scheme = /^https?:\/\//i.exec(target)
  if (scheme === null) return undefined
  const rest = target.slice(scheme[0].length)
  const end = rest.search(/[/?]/)
  const host = end < 0 ? rest : rest.slice(0, end)
  if (!isAuthority(host)) return undefined
  const path = end < 0 ? '' : rest.slice(end)
  return { host, target: path.startsWith('/') ? path : `/${path}` }
}

function nameEnd(text: string): number {
  let at = 0
  while (at < text.length && ((BYTE_CLASS[text.charCodeAt(at)] ?? 0) & HOST_NAME) !== 0) at += 1
  return at
}

/** Position after the closing bracket; 0 where there is none or something else than an address stands inside. */
function bracketEnd(text: string): number {
  const close = text.indexOf(']')
  if (close < 3) return 0
  return /^[0-9A-Fa-f:.]+$/.test(text.slice(1, close)) ? close + 1 : 0
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

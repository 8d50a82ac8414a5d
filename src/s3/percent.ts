const UNRESERVED = /^[A-Za-z0-9\-._~]*$/
const UNRESERVED_AND_SLASH = /^[A-Za-z0-9\-._~/]*$/
const BYTE_VALUES = 256

/** What each byte becomes: itself where RFC 3986 section 2.3 calls it unreserved, `%XX` in upper case elsewhere. */
const ENCODED: readonly string[] = Array.from({ length: BYTE_VALUES }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})

/** Percent-decoded bytes as latin1; undefined where a `%` is not followed by two hex digits. `+` stays a plus. */
export function percentDecode(raw: string): string | undefined {
  let at = raw.indexOf('%')
  if (at < 0) return raw
  let decoded = ''
  let copied = 0
  while (at >= 0) {
    const high = hexDigit(raw.charCodeAt(at + 1))
    const low = hexDigit(raw.charCodeAt(at + 2))
    if (high < 0 || low < 0) return undefined
    decoded += raw.slice(copied, at) + String.fromCharCode(high * 16 + low)
    copied = at + 3
    at = raw.indexOf('%', copied)
  }
  return decoded + raw.slice(copied)
}

/** As percentDecode, with `+` read as a space (HTML form encoding, as S3 reads queries). */
export function percentDecodeForm(raw: string): string | undefined {
  return percentDecode(raw.includes('+') ? raw.replaceAll('+', ' ') : raw)
}

/** Encodes latin1 bytes as SigV4 wants them ("UriEncode" in the S3 API reference): everything but unreserved characters. */
export function percentEncode(bytes: string): string {
  return UNRESERVED.test(bytes) ? bytes : encodeBytes(bytes)
}

/** As percentEncode, slashes left alone. */
export function percentEncodePath(bytes: string): string {
  return UNRESERVED_AND_SLASH.test(bytes) ? bytes : encodeBytes(bytes).replaceAll('%2F', '/')
}

function encodeBytes(bytes: string): string {
  let encoded = ''
  for (let i = 0; i < bytes.length; i++) encoded += ENCODED[bytes.charCodeAt(i)] ?? ''
  return encoded
}

/** 0 to 15, or -1 for anything that is no hex digit, NaN past the end of a string included. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

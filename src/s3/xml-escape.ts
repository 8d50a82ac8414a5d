/**
 * Text for XML element content, in pure ASCII: what is not ASCII becomes a character reference, so the document reads the
 * same whether it is written out as latin1 or as UTF-8. `text` is a latin1 view of UTF-8 bytes, as keys and header values are
 * everywhere here. Bytes that are no UTF-8, and characters that XML 1.0 cannot carry, become U+FFFD.
 */
export function escapeXml(text: string): string {
  if (PLAIN.test(text)) return text
  const characters = NOT_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text
  return characters.replace(SPECIAL, escapeCharacter)
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what must be found
const PLAIN = /^[\t\n\x20-\x25\x27-\x3b\x3d\x3f-\x7e]*$/
// oxlint-disable-next-line no-control-regex -- the range of ASCII begins at a control character
const NOT_ASCII = /[^\x00-\x7f]/
// oxlint-disable-next-line no-control-regex -- control characters are exactly what must be found
const SPECIAL = /[&<>]|[^\t\n\x20-\x7e]/gu

const NAMED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const REPLACEMENT = '&#xFFFD;'

function escapeCharacter(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0) ?? 0
  if (code === 0x0d) return '&#13;'
  // XML 1.0 section 2.2, production Char.
  const allowed = (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000
  return allowed ? `&#x${code.toString(16).toUpperCase()};` : REPLACEMENT
}

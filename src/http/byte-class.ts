/** What a byte may be part of; the bits are combined in BYTE_CLASS. */
export const TOKEN = 1
/** Field values: HTAB, SP, visible characters and obs-text (RFC 9110 section 5.5). */
export const VALUE = 2
/**
 * Request targets: visible characters without `#`, and bytes from 0x80 up. RFC 3986 wants the latter percent-encoded, but S3
 * clients send keys raw and S3 takes them.
 */
export const TARGET = 4
/** Characters of a registered name or IPv4 address; narrower than RFC 3986, which has sub-delims that no host uses. */
export const HOST_NAME = 8

export const SP = 0x20
export const HT = 0x09
export const CR = 0x0d
export const LF = 0x0a
export const COLON = 0x3a

/** For every byte, the classes that it belongs to. */
export const BYTE_CLASS = classify()

/** The lower-case form of every token byte; 0 for what cannot be in a token (RFC 9110 section 5.6.2). */
export const LOWER_TOKEN = lowerTokens()

function classify(): Uint8Array {
  const table = new Uint8Array(256)
  const add = (characters: string, bit: number): void => {
    for (const character of characters) addByte(table, character.charCodeAt(0), bit)
  }
  const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  add(`${alphanumeric}!#$%&'*+-.^_\`|~`, TOKEN)
  add(`${alphanumeric}-._~%`, HOST_NAME)
  for (let byte = 0x20; byte < 256; byte += 1) {
    if (byte === 0x7f) continue
    addByte(table, byte, VALUE)
    if (byte > 0x20 && byte !== 0x23) addByte(table, byte, TARGET)
  }
  addByte(table, HT, VALUE)
  return table
}

function addByte(table: Uint8Array, byte: number, bit: number): void {
  table[byte] = (table[byte] ?? 0) | bit
}

function lowerTokens(): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte += 1) {
    if (((BYTE_CLASS[byte] ?? 0) & TOKEN) === 0) continue
    table[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
  }
  return table
}

import { percentDecode } from '../../s3/percent.ts'

/**
 * How object keys become file names, and back.
 *
 * A segment of a key (what stands between slashes) that can be a file name is that file name: an existing directory is
 * served as it is, and what is written looks as a person expects. The others are written with the mark `%~` before them:
 *
 *   `%~` + escaped text   a segment that is empty, `.`, `..`, holds NUL, is longer than 255 bytes, or begins with `%~` itself
 *   `%~!` + escaped text  an object whose plain name is taken by a directory: `a` beside `a/b`
 *   `%~>` + escaped text  a directory that holds the rest of a segment too long for one name
 *
 * Escaped is `%XX` for `%`, `!`, `>` and NUL. Every key has exactly one place, or two where both a file `a` and its stand-in
 * `%~!a` are possible; a marked name that this scheme would not have written stands for no key and is not shown.
 * Texts are latin1 views of bytes throughout.
 */

const MARK = '%~'
const BESIDE = '!'
const CONTINUED = '>'
const NAME_BYTES_MAX = 255
/** Three times this and a mark fit one name. */
const PIECE_BYTES = 80
// oxlint-disable-next-line no-control-regex -- NUL is what cannot be in a file name
const ESCAPED = /[%!>\x00]/g

/** The place of an object, as path components below the bucket's directory. */
export function objectPath(key: string): string[] {
  const segments = key.split('/')
  const last = segments.pop() ?? ''
  return [...segments.flatMap(segmentPath), ...segmentPath(last)]
}

/** The place of an object whose plain name is a directory. */
export function besidePath(key: string): string[] {
  const segments = key.split('/')
  const last = segments.pop() ?? ''
  return [...segments.flatMap(segmentPath), ...besideSegmentPath(last)]
}

/** Path components of one segment: one, unless it is too long for a name. */
export function segmentPath(segment: string): string[] {
  return isPlainName(segment) ? [segment] : marked(segment, '')
}

/** As segmentPath, for an object whose plain name is a directory. */
export function besideSegmentPath(segment: string): string[] {
  return marked(segment, BESIDE)
}

/** What a file name stands for. `continued`: a directory with the rest of the segment in it. */
export interface NameMeaning {
  readonly kind: 'plain' | 'beside' | 'continued'
  /** The segment, or what of it this name holds. */
  readonly text: string
}

/**
 * Reads a file name. `before` are the components that hold the beginning of the same segment, with their joined text.
 * `undefined` where the name stands for no key.
 */
export function nameMeaning(
  name: string,
  before: { readonly components: readonly string[]; readonly text: string },
): NameMeaning | undefined {
  if (!name.startsWith(MARK)) return before.components.length === 0 && isPlainName(name) ? { kind: 'plain', text: name } : undefined
  const sign = name.charAt(MARK.length)
  const kind = sign === BESIDE ? 'beside' : sign === CONTINUED ? 'continued' : 'plain'
  const decoded = percentDecode(name.slice(kind === 'plain' ? MARK.length : MARK.length + 1))
  if (decoded === undefined) return undefined
  if (kind === 'continued') return decoded.length === PIECE_BYTES && continued(decoded) === name ? { kind, text: decoded } : undefined
  const text = before.text + decoded
  const expected = kind === 'beside' ? besideSegmentPath(text) : segmentPath(text)
  const here = [...before.components, name]
  return expected.length === here.length && expected.every((component, i) => component === here[i]) ? { kind, text } : undefined
}

function isPlainName(segment: string): boolean {
  if (segment === '' || segment === '.' || segment === '..' || segment.length > NAME_BYTES_MAX) return false
  return !segment.startsWith(MARK) && !segment.includes('\0')
}

function marked(segment: string, sign: '' | typeof BESIDE): string[] {
  const whole = `${MARK}${sign}${escapeName(segment)}`
  if (whole.length <= NAME_BYTES_MAX) return [whole]
  const components: string[] = []
  let at = 0
  for (; segment.length - at > PIECE_BYTES; at += PIECE_BYTES) components.push(continued(segment.slice(at, at + PIECE_BYTES)))
  components.push(`${MARK}${sign}${escapeName(segment.slice(at))}`)
  return components
}

function continued(piece: string): string {
  return `${MARK}${CONTINUED}${escapeName(piece)}`
}

function escapeName(text: string): string {
  return text.replace(ESCAPED, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

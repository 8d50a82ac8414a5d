import { renderHeaders, type HeaderList } from '../base/header-list.ts'

/**
 * What the gateway keeps with a cached head, as the opaque string the cache stores: the Last-Modified value, the number of
 * characters of checksum lines, those lines, then all other lines, ready for the wire.
 */
export interface ObjectMeta {
  /** The Last-Modified value as the origin wrote it; empty where it sent none. */
  readonly lastModified: string
  /** `x-amz-checksum-*` lines: only for whole bodies, and only where the client asked. */
  readonly checksumLines: string
  readonly fieldLines: string
}

const SPELLING: Readonly<Record<string, string>> = { etag: 'ETag' }

/** `stored`: the fields that may be kept with an object, checksums among them. */
export function encodeMeta(stored: HeaderList): string {
  const checksums: string[] = []
  const others: string[] = []
  let lastModified = ''
  for (let i = 0; i < stored.length; i += 2) {
    const name = stored[i] ?? ''
    const value = stored[i + 1] ?? ''
    if (name === 'last-modified') lastModified = value
    if (name.startsWith('x-amz-checksum-')) checksums.push(name, value)
    else others.push(spell(name), value)
  }
  const checksumLines = renderHeaders(checksums)
  // Ranges of what is kept here can always be had, whatever the origin said of itself.
  return `${lastModified}\n${checksumLines.length}\n${checksumLines}Accept-Ranges: bytes\r\n${renderHeaders(others)}`
}

export function decodeMeta(meta: string): ObjectMeta {
  const first = meta.indexOf('\n')
  const second = meta.indexOf('\n', first + 1)
  const fieldsAt = second + 1 + Number(meta.slice(first + 1, second))
  return { lastModified: meta.slice(0, first), checksumLines: meta.slice(second + 1, fieldsAt), fieldLines: meta.slice(fieldsAt) }
}

/** Field names as S3 spells them: standard ones capitalised, `x-amz-*` in lower case. */
function spell(name: string): string {
  const known = SPELLING[name]
  if (known !== undefined) return known
  if (name.startsWith('x-')) return name
  return name.replace(/(^|-)([a-z])/g, (_match, dash: string, letter: string) => dash + letter.toUpperCase())
}

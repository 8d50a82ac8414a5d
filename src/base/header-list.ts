/**
 * Header fields as a flat list: names (lower case) at even, values at odd positions, in the order they came,
 * duplicates kept. Values are latin1 views of the bytes on the wire, outer whitespace removed.
 */
export type HeaderList = readonly string[]

/** The first value of a field, or undefined. `name` is lower case. */
export function headerValue(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}

/** Every value of a field, in order. */
export function headerValues(headers: HeaderList, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1] ?? '')
  return values
}

/** The list without the fields that `drop` names. */
export function withoutHeaders(headers: HeaderList, drop: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!drop(name)) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

/** `Name: value` lines, CRLF after each, as they go on the wire. */
export function renderHeaders(headers: HeaderList): string {
  let lines = ''
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
  return lines
}

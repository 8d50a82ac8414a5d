import { readFileSync, statSync } from 'node:fs'
import { isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { Problem } from './problem.ts'

/** A configuration file of this size is a mistake. */
const FILE_BYTES_MAX = 1024 * 1024

/** What a file says, as plain values, and where in the file it says it. */
export interface FileSource {
  readonly tree: Readonly<Record<string, unknown>>
  /** `hotbucket.yaml:12`: the line of the innermost part of the place that the file has; undefined where it has none. */
  lineAt(place: readonly PropertyKey[]): string | undefined
}

/** Reads a YAML (or JSON) file. A file without content is a configuration of defaults. */
export function readFileSource(file: string): FileSource | { readonly problems: readonly Problem[] } {
  const content = readBounded(file)
  if (typeof content !== 'string') return { problems: [content] }
  try {
    return parse(file, content)
  } catch (error) {
    // The library throws on aliases that multiply into too many nodes, and on nesting deeper than the stack.
    return { problems: [{ key: '--config', value: file, wanted: `valid YAML: ${messageOf(error)}`, from: undefined }] }
  }
}

function parse(file: string, content: string): FileSource | { readonly problems: readonly Problem[] } {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const lineOf = (offset: number) => `${file}:${lines.linePos(offset).line}`
  if (document.errors.length > 0) {
    return {
      problems: document.errors.map((error) => ({
        key: '--config',
        value: file,
        wanted: `valid YAML: ${error.message}`,
        from: lineOf(error.pos[0]),
      })),
    }
  }
  const tree: unknown = document.toJS() ?? {}
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    return { problems: [{ key: '--config', value: file, wanted: 'a mapping of options', from: lineOf(0) }] }
  }
  const lineAt = (place: readonly PropertyKey[]) => {
    const offset = offsetOf(document.contents, place)
    return offset === undefined ? undefined : lineOf(offset)
  }
  return { tree: tree as Readonly<Record<string, unknown>>, lineAt }
}

function readBounded(file: string): string | Problem {
  try {
    const { size } = statSync(file)
    if (size <= FILE_BYTES_MAX) return readFileSync(file, 'utf8')
    return { key: '--config', value: file, wanted: `a file of at most ${FILE_BYTES_MAX} bytes, not ${size}`, from: undefined }
  } catch (error) {
    return { key: '--config', value: file, wanted: `a readable file: ${messageOf(error)}`, from: undefined }
  }
}

/** Offset of the key (or list item) that a place leads to, or of the last part of it that exists. */
function offsetOf(root: unknown, place: readonly PropertyKey[]): number | undefined {
  let node: unknown = root
  let offset: number | undefined
  for (const part of place) {
    const pair = isMap(node) ? node.items.find((item) => keyText(item.key) === part) : undefined
    const child: unknown = isSeq(node) && typeof part === 'number' ? node.items[part] : pair?.value
    offset = startOf(pair?.key) ?? startOf(child) ?? offset
    node = child
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}

function keyText(key: unknown): string {
  return String((key as { readonly value?: unknown } | null)?.value)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

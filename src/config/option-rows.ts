import { z } from 'zod'
import { configSchema } from './schema.ts'
import { optionMeta, type OptionMeta } from './option.ts'

/** One option, with every name it goes by. */
export interface OptionRow extends OptionMeta {
  /** `limits.headTimeout`; `origins[].url` for an option of a list's items. */
  readonly key: string
  /** The environment variable, for options that are not part of a list's items. */
  readonly env: string | undefined
}

/** Every option in the order of the table. */
export const OPTION_ROWS: readonly OptionRow[] = collectRows(configSchema, '')

const ROW_BY_KEY: ReadonlyMap<string, OptionRow> = new Map(OPTION_ROWS.map((row) => [row.key, row]))

/** The keys that hold other keys, with what they may hold: '' is the whole file, `origins[]` an item of that list. */
export const SECTION_KEYS: ReadonlyMap<string, readonly string[]> = collectSections()

/** The row of a place in a document; list positions do not matter. */
export function rowAt(place: readonly PropertyKey[]): OptionRow | undefined {
  const key = genericKey(place)
  return ROW_BY_KEY.get(key) ?? (key.endsWith('[]') ? ROW_BY_KEY.get(key.slice(0, -2)) : undefined)
}

/** `['origins', 0, 'url']` as the table names it: `origins[].url`. */
export function genericKey(place: readonly PropertyKey[]): string {
  return joinKey(place, () => '[]')
}

/** `['origins', 0, 'url']` as a person names it: `origins[0].url`. */
export function keyOf(place: readonly PropertyKey[]): string {
  return joinKey(place, (position) => `[${position}]`)
}

function joinKey(place: readonly PropertyKey[], index: (position: number) => string): string {
  let key = ''
  for (const part of place) key += typeof part === 'number' ? index(part) : `${key === '' ? '' : '.'}${String(part)}`
  return key
}

function collectRows(schema: z.ZodType, key: string): OptionRow[] {
  const meta = optionMeta.get(schema)
  if (meta !== undefined) return [{ ...meta, key, env: key.includes('[]') ? undefined : environmentName(key) }]
  const inner = withoutFallback(schema)
  if (inner instanceof z.ZodArray) return collectRows(inner.element as z.ZodType, `${key}[]`)
  if (!(inner instanceof z.ZodObject)) return []
  const shape = inner.shape as Readonly<Record<string, z.ZodType>>
  return Object.entries(shape).flatMap(([part, child]) => collectRows(child, key === '' ? part : `${key}.${part}`))
}

function withoutFallback(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodType) : schema
}

/** `limits.headTimeout` is HOTBUCKET_LIMITS_HEAD_TIMEOUT. */
function environmentName(key: string): string {
  const words = key
    .replace('GiB', 'Gib')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
  return `HOTBUCKET_${words.toUpperCase()}`
}

function collectSections(): Map<string, string[]> {
  const sections = new Map<string, string[]>()
  for (const { key } of OPTION_ROWS) {
    const parts = key.split('.')
    for (let depth = 0; depth < parts.length; depth++) {
      const section = parts.slice(0, depth).join('.')
      const child = (parts[depth] ?? '').replace('[]', '')
      const children = sections.get(section) ?? []
      if (!children.includes(child)) children.push(child)
      sections.set(section, children)
    }
  }
  return sections
}

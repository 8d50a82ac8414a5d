import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

/** A secret of this size is a mistake. */
const SECRET_FILE_BYTES_MAX = 64 * 1024

/** Where references are looked up. */
export interface ReferenceScope {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly baseDirectory: string
}

/** What a value stands for, or what was wanted of it. */
export type Resolved = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly wanted: string }

/** `${env:NAME}` is that variable, `file:PATH` the content of that file without its last line end; other text is itself. */
export function resolveReference(text: string, scope: ReferenceScope): Resolved {
  const variable = /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text)?.[1]
  if (variable !== undefined) {
    const value = scope.env[variable]
    return value === undefined || value === ''
      ? { ok: false, wanted: `the environment variable ${variable} to be set` }
      : { ok: true, value }
  }
  if (text.startsWith('${')) return { ok: false, wanted: 'the form ${env:NAME}' }
  if (!text.startsWith('file:')) return { ok: true, value: text }
  return readSecret(resolve(scope.baseDirectory, text.slice('file:'.length)))
}

function readSecret(file: string): Resolved {
  try {
    if (statSync(file).size > SECRET_FILE_BYTES_MAX) return { ok: false, wanted: `a file of at most ${SECRET_FILE_BYTES_MAX} bytes` }
    return { ok: true, value: readFileSync(file, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    return { ok: false, wanted: `a readable file: ${error instanceof Error ? error.message : String(error)}` }
  }
}

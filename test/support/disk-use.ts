import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** As `du` counts: blocks of 512 bytes, directories included. */
export async function diskUse(path: string): Promise<number> {
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined) return 0
  let bytes = facts.blocks * 512
  if (!facts.isDirectory()) return bytes
  for (const name of await readdir(path).catch(() => [])) bytes += await diskUse(join(path, name))
  return bytes
}

import { randomBytes } from 'node:crypto'

/** Random bytes in lower-case hex: names that nobody can guess or meet twice. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

import { readFileSync } from 'node:fs'

/** The version that package.json states; one place, so that logs, metrics and `hotbucket version` agree. */
export const VERSION: string = readVersion()

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string')
    return manifest.version
  return 'unknown'
}

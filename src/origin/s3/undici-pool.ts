import { createRequire } from 'node:module'
import type { Pool as UndiciPool } from 'undici'

/**
 * undici's connection pool alone. Its index brings fetch, WebSocket, caches and mocks as well: 13 MiB more for every thread, and 100 ms of
 * its start.
 */
export const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof UndiciPool
export type Pool = UndiciPool

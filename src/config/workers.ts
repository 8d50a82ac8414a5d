import type { ResolveOptions } from './resolve.ts'
import type { RawConfig } from './schema.ts'

/** Below this much memory for each, more workers have no more objects to own. */
const MEMORY_BYTES_PER_WORKER = 16 * 1024 * 1024

export const WORKERS_MAX = 64

/** How many data workers there will be, where that is right and possible. */
export function resolveWorkers(raw: RawConfig, options: ResolveOptions): number {
  const { machine } = options
  if (raw.identity === 'pass-through') {
    if (raw.workers !== 'auto' && raw.workers > 1) {
      options.report(['workers'], String(raw.workers), '1 with `identity: pass-through`, where every read waits for the origin anyway')
    }
    return 1
  }
  if (raw.workers === 'auto') {
    if (!machine.sharesPorts) return 1
    return Math.min(machine.cores, WORKERS_MAX, Math.max(1, Math.floor(raw.memory / MEMORY_BYTES_PER_WORKER)))
  }
  if (raw.workers > 1 && !machine.sharesPorts) {
    options.note(`workers is ${raw.workers}, but this system does not spread the connections of one port over several listeners: 1 it is`)
    return 1
  }
  return raw.workers
}

import { availableParallelism } from 'node:os'
import type { Machine } from './config/config.ts'
import { machineMemoryBytes } from './config/machine-memory.ts'
import { SystemFiles } from './signals/system-files.ts'
import { usableCores } from './signals/usable-cores.ts'

/** Where several sockets may listen on one port and the kernel spreads connections over them (the list of `reusePort` in Node's net). */
const SPREADS_CONNECTIONS: ReadonlySet<NodeJS.Platform> = new Set<NodeJS.Platform>(['linux', 'freebsd', 'sunos', 'aix'])

/** What this process has to work with. */
export function thisMachine(): Machine {
  return {
    memoryBytes: machineMemoryBytes(),
    cores: usableCores(new SystemFiles('/'), availableParallelism()),
    sharesPorts: SPREADS_CONNECTIONS.has(process.platform),
  }
}

import { totalmem } from 'node:os'
import { constrainedMemory } from 'node:process'

/** Memory that this process may use: its cgroup's limit where that is lower than what the machine has. */
export function machineMemoryBytes(): number {
  const limitBytes = constrainedMemory()
  const machineBytes = totalmem()
  // Without a limit the call gives 0, or a number near 2^64.
  return limitBytes > 0 && limitBytes < machineBytes ? limitBytes : machineBytes
}

import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Which process holds a lock: so exact that a later process with the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it was started, in the kernel's ticks; absent where the system does not tell. */
  readonly startTicks?: string
  /** Since when the machine runs: another one after every start. */
  readonly bootId?: string
  /** Numbers mean something only within one such namespace: containers have their own. */
  readonly pidNamespace?: string
  readonly host: string
}

/** `alive` and `dead` are certain. */
export type Liveness = 'alive' | 'dead' | 'unknown'

/** What can be known of processes; a port, so that tests can be several. */
export interface Processes {
  self(): Promise<ProcessIdentity>
  liveness(of: ProcessIdentity): Promise<Liveness>
}

/** Field 22 of /proc/PID/stat, counted behind the command's name, which may hold anything (proc_pid_stat(5)). */
const START_TIME_FIELD_AFTER_NAME = 19

/** The processes of this machine. */
export const machineProcesses: Processes = {
  self: identifySelf,
  liveness: async (of) => {
    const self = await identifySelf()
    const isNeighbour = of.host === self.host && of.bootId === self.bootId && of.pidNamespace === self.pidNamespace
    if (!isNeighbour) return 'unknown'
    if (of.startTicks !== undefined) return (await startTicks(of.pid)) === of.startTicks ? 'alive' : 'dead'
    try {
      process.kill(of.pid, 0)
      return 'unknown'
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? 'dead' : 'unknown'
    }
  },
}

async function identifySelf(): Promise<ProcessIdentity> {
  const [ticks, bootId, pidNamespace] = await Promise.all([
    startTicks(process.pid),
    readFile('/proc/sys/kernel/random/boot_id', 'latin1').then(
      (text) => text.trim(),
      () => undefined,
    ),
    readlink('/proc/self/ns/pid').catch(() => undefined),
  ])
  return {
    pid: process.pid,
    host: hostname(),
    ...(ticks === undefined ? {} : { startTicks: ticks }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
  }
}

async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD_AFTER_NAME]
  } catch {
    return undefined
  }
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Reads the kernel's text files below a root: `/` in production, a directory of recorded files in a test. What is not there,
 * may not be read or does not parse is `undefined`: platforms and containers differ, and nothing here is worth failing for.
 */
export class SystemFiles {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  /** The file's text; `path` relative to the root, such as `proc/self/cgroup`. */
  text(path: string): string | undefined {
    try {
      return readFileSync(join(this.#root, path), 'utf8')
    } catch {
      return undefined
    }
  }

  /** A file that holds one number. */
  number(path: string): number | undefined {
    return parseNumber(this.text(path)?.trim())
  }

  /** Names in a directory. */
  names(path: string): string[] | undefined {
    try {
      return readdirSync(join(this.#root, path))
    } catch {
      return undefined
    }
  }
}

/** A decimal number of 0 or more, alone. */
export function parseNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Lines of `name value`, as in cpu.stat and memory.events. */
export function parseFlat(text: string | undefined): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const line of (text ?? '').split('\n')) {
    const [name, value, rest] = line.split(/\s+/)
    const number = parseNumber(value)
    if (name !== undefined && number !== undefined && (rest ?? '') === '') values.set(name, number)
  }
  return values
}

/** Seconds of pressure since boot (Documentation/accounting/psi.rst): `some avg10=0.00 avg60=0.00 avg300=0.00 total=<µs>`. */
export interface Pressure {
  readonly someSeconds: number | undefined
  readonly fullSeconds: number | undefined
}

export function parsePressure(text: string | undefined): Pressure {
  const total = (kind: string): number | undefined => {
    const micros = parseNumber(new RegExp(`^${kind} .*\\btotal=(\\d+)$`, 'm').exec(text ?? '')?.[1])
    return micros === undefined ? undefined : micros / 1e6
  }
  return { someSeconds: total('some'), fullSeconds: total('full') }
}

/** Time on a CPU and time in the run queue, from a `schedstat` of a task; the run delay includes quota throttling. */
export interface TaskTimes {
  readonly onCpuSeconds: number
  readonly runDelaySeconds: number
}

/** `<on-cpu ns> <run-delay ns> <slices>` (Documentation/scheduler/sched-stats.rst). */
export function parseSchedstat(text: string | undefined): TaskTimes | undefined {
  const match = /^(\d+) (\d+) \d+\s*$/.exec(text ?? '')
  return match === null ? undefined : { onCpuSeconds: Number(match[1]) / 1e9, runDelaySeconds: Number(match[2]) / 1e9 }
}

/** Seconds of all CPUs by mode, from the first line of /proc/stat. */
export interface CpuTimes {
  readonly user: number
  readonly nice: number
  readonly system: number
  readonly idle: number
  readonly iowait: number
  readonly irq: number
  readonly softirq: number
  readonly steal: number
}

/** USER_HZ: 100 on every Linux architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** `cpu user nice system idle iowait irq softirq steal guest guest_nice`, in ticks (proc(5)). */
export function parseCpuTimes(text: string | undefined): CpuTimes | undefined {
  const match = /^cpu +(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/m.exec(text ?? '')
  if (match === null) return undefined
  const seconds = (field: number): number => Number(match[field]) / TICKS_PER_SECOND
  return {
    user: seconds(1),
    nice: seconds(2),
    system: seconds(3),
    idle: seconds(4),
    iowait: seconds(5),
    irq: seconds(6),
    softirq: seconds(7),
    steal: seconds(8),
  }
}

/** The soft limit of open files, from /proc/self/limits; undefined where it is unlimited or not to be read. */
export function parseMaxFds(text: string | undefined): number | undefined {
  return parseNumber(/^Max open files +(\d+)/m.exec(text ?? '')?.[1])
}

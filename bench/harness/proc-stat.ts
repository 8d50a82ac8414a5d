import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** CPU time of the whole machine since boot, seconds; summed over its cores. */
export interface MachineCpu {
  /** Time in which something of this machine ran: user, nice, system, interrupts. */
  readonly busySeconds: number
  /** Time that the hypervisor gave to others although a core here wanted to run. */
  readonly stealSeconds: number
}

/** CPU time of one process, seconds, all threads, ended ones included. */
export interface ProcessCpu {
  readonly ownSeconds: number
  /** Of children that ended and were waited for. */
  readonly childrenSeconds: number
}

let kernelTicksPerSecond: number | undefined

function ticks(): number {
  kernelTicksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return kernelTicksPerSecond
}

/** Reads /proc/stat. */
export function machineCpu(): MachineCpu {
  return parseMachineCpu(readFileSync('/proc/stat', 'latin1'), ticks())
}

/** Reads /proc/PID/stat. Throws where there is no such process. */
export function processCpu(pid: number | 'self'): ProcessCpu {
  return parseProcessCpu(readFileSync(`/proc/${pid}/stat`, 'latin1'), ticks())
}

/** CPU time of the processes together, seconds. Those that ended meanwhile count nothing, as nginx's cache loader does after a minute. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (existsSync(`/proc/${pid}/stat`) ? processCpu(pid).ownSeconds : 0), 0)
}

/** A process and all that descend from it. */
export function processTree(rootPid: number): number[] {
  const children = readdirSync(`/proc/${rootPid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${rootPid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
  return [rootPid, ...children.flatMap(processTree)]
}

/** The `cpu` line: user nice system idle iowait irq softirq steal guest guest_nice; guest time is within user (proc(5)). */
export function parseMachineCpu(text: string, ticksPerSecond: number): MachineCpu {
  const fields = /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number)
  if (fields === undefined || fields.length < 8) throw new Error(`Cannot read machine CPU time from "${text.slice(0, 80)}": no cpu line`)
  const [user, nice, system, , , irq, softirq, steal] = fields as [number, number, number, number, number, number, number, number]
  return { busySeconds: (user + nice + system + irq + softirq) / ticksPerSecond, stealSeconds: steal / ticksPerSecond }
}

/** Fields 14 to 17 of /proc/PID/stat; the command in field 2 may itself hold spaces and parentheses. */
export function parseProcessCpu(text: string, ticksPerSecond: number): ProcessCpu {
  const afterCommand = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, cutime, cstime] = afterCommand.slice(11, 15).map(Number)
  if (utime === undefined || stime === undefined || cutime === undefined || cstime === undefined || Number.isNaN(cstime)) {
    throw new Error(`Cannot read process CPU time from "${text.slice(0, 80)}": too few fields`)
  }
  return { ownSeconds: (utime + stime) / ticksPerSecond, childrenSeconds: (cutime + cstime) / ticksPerSecond }
}

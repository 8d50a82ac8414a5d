import { readFileSync } from 'node:fs'

/** Of x86-64 and most others; read for a note alone. */
const PAGE_BYTES = 4096

/** Resident memory of the processes together, bytes; pages that they share count for each. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseResident(readFileSync(`/proc/${pid}/status`, 'latin1')), 0)
}

/** `VmRSS` of /proc/PID/status. */
export function parseResident(text: string): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]
  if (kib === undefined) throw new Error(`Cannot read resident memory from "${text.slice(0, 80)}": no VmRSS line`)
  return Number(kib) * 1024
}

/** How many files and sockets a process started from here may have open. Node raises the soft limit to the hard one when it starts. */
export function openFilesMax(): number {
  return parseOpenFiles(readFileSync('/proc/self/limits', 'latin1'))
}

/** The hard limit of /proc/PID/limits. */
export function parseOpenFiles(text: string): number {
  const hard = /^Max open files +\S+ +(\S+)/m.exec(text)?.[1]
  if (hard === undefined) throw new Error(`Cannot read the limit of open files from "${text.slice(0, 80)}": no such line`)
  return hard === 'unlimited' ? Infinity : Number(hard)
}

/** What all TCP sockets of the machine buffer, bytes. */
export function kernelSocketBytes(): number {
  return parseSocketPages(readFileSync('/proc/net/sockstat', 'latin1')) * PAGE_BYTES
}

/** From which amount on the kernel makes all sockets of the machine smaller, bytes: the second figure of tcp_mem. */
export function socketPressureBytes(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/tcp_mem', 'latin1').split(/\s+/)[1]) * PAGE_BYTES
}

/** `mem` of the TCP line of /proc/net/sockstat, pages. */
export function parseSocketPages(text: string): number {
  const pages = /^TCP: .*\bmem (\d+)/m.exec(text)?.[1]
  if (pages === undefined) throw new Error(`Cannot read socket memory from "${text.slice(0, 80)}": no TCP line`)
  return Number(pages)
}

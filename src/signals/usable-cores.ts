import { findCgroup, readCgroup } from './cgroup.ts'
import type { SystemFiles } from './system-files.ts'

/**
 * Whole cores that this process can keep busy: those that it may run on, but no more than its CPU quota lets it use. A part of a core is
 * rounded down: threads beyond the quota do not add to it, they only get all of them stopped at the end of each period.
 */
export function usableCores(files: SystemFiles, allowedCores: number): number {
  const quotaCores = readCgroup(files, findCgroup(files)).cpuQuotaCores ?? Infinity
  return Math.max(1, Math.floor(Math.min(allowedCores, quotaCores)))
}

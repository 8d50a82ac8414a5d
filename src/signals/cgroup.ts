import { parseFlat, parseNumber, parsePressure, type Pressure, type SystemFiles } from './system-files.ts'

/** What a control group gave this process and took from it; absent fields are not to be had. */
export interface CgroupReading {
  readonly cpuPeriods: number | undefined
  readonly cpuThrottledPeriods: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  /** The smallest quota from here upwards, as far as it can be seen; absent: none. */
  readonly cpuQuotaCores: number | undefined
  readonly memoryBytes: number | undefined
  /** The smallest limit from here upwards; absent: none. */
  readonly memoryLimitBytes: number | undefined
  readonly pressure: Readonly<Record<'cpu' | 'memory' | 'io', Pressure>>
}

/** Where the files of the own group are, by controller; relative to the root of SystemFiles. */
export interface CgroupPaths {
  /** Version 2, or the unified half of a hybrid set-up: pressure files, and in a pure set-up everything. */
  readonly unified: CgroupPlace | undefined
  readonly cpu: CgroupPlace | undefined
  readonly memory: CgroupPlace | undefined
}

interface CgroupPlace {
  readonly version: 1 | 2
  /** Directories from the own group up to the mount. */
  readonly directories: readonly string[]
}

const MOUNT = 'sys/fs/cgroup'

/** v1 writes 9223372036854771712 for "no limit"; nothing real is as large. */
const MEMORY_LIMIT_BYTES_MAX = 2 ** 60

/** Levels that are looked at for a quota of an ancestor. */
const DEPTH_MAX = 16

/** Finds the own group from /proc/self/cgroup (cgroups(7)). The group of a process seldom changes: once at the start is enough. */
export function findCgroup(files: SystemFiles): CgroupPaths {
  let unifiedPath: string | undefined
  const controllers = new Map<string, string>()
  for (const line of (files.text('proc/self/cgroup') ?? '').split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    if (match === null) continue
    const [, names = '', path = ''] = match
    if (names === '') unifiedPath = path
    else for (const name of names.split(',')) controllers.set(name, path)
  }
  const pure = files.text(`${MOUNT}/cgroup.controllers`) !== undefined
  const unified = unifiedPath === undefined ? undefined : placeOf(files, pure ? MOUNT : `${MOUNT}/unified`, unifiedPath, 2)
  const legacy = (name: string): CgroupPlace | undefined => {
    const path = controllers.get(name)
    return path === undefined ? undefined : placeOf(files, `${MOUNT}/${name}`, path, 1)
  }
  return { unified, cpu: pure ? unified : legacy('cpu'), memory: pure ? unified : legacy('memory') }
}

/** In a cgroup namespace the path may not exist below the mount: then the mount itself is the own group. */
function placeOf(files: SystemFiles, mount: string, path: string, version: 1 | 2): CgroupPlace | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  const directories: string[] = []
  for (let depth = parts.length; depth >= 0 && directories.length < DEPTH_MAX; depth--) {
    const directory = [mount, ...parts.slice(0, depth)].join('/')
    if (files.text(`${directory}/cgroup.procs`) !== undefined) directories.push(directory)
  }
  return directories.length === 0 ? undefined : { version, directories }
}

export function readCgroup(files: SystemFiles, paths: CgroupPaths): CgroupReading {
  const own = paths.cpu?.directories[0]
  const stat = own === undefined ? new Map<string, number>() : parseFlat(files.text(`${own}/cpu.stat`))
  const nanos = stat.get('throttled_time')
  const micros = stat.get('throttled_usec')
  return {
    cpuPeriods: stat.get('nr_periods'),
    cpuThrottledPeriods: stat.get('nr_throttled'),
    cpuThrottledSeconds: micros !== undefined ? micros / 1e6 : nanos === undefined ? undefined : nanos / 1e9,
    cpuQuotaCores: smallest(paths.cpu, (directory, version) => quotaOf(files, directory, version)),
    memoryBytes: usageOf(files, paths.memory),
    memoryLimitBytes: smallest(paths.memory, (directory, version) => memoryLimitOf(files, directory, version)),
    pressure: {
      cpu: pressureOf(files, paths, 'cpu'),
      memory: pressureOf(files, paths, 'memory'),
      io: pressureOf(files, paths, 'io'),
    },
  }
}

function smallest(place: CgroupPlace | undefined, read: (directory: string, version: 1 | 2) => number | undefined): number | undefined {
  let least: number | undefined
  for (const directory of place?.directories ?? []) {
    const value = read(directory, place?.version ?? 2)
    if (value !== undefined && (least === undefined || value < least)) least = value
  }
  return least
}

function quotaOf(files: SystemFiles, directory: string, version: 1 | 2): number | undefined {
  if (version === 1) {
    const quota = files.number(`${directory}/cpu.cfs_quota_us`)
    const period = files.number(`${directory}/cpu.cfs_period_us`)
    return quota === undefined || period === undefined || period === 0 ? undefined : quota / period
  }
  const match = /^(\d+) (\d+)\s*$/.exec(files.text(`${directory}/cpu.max`) ?? '')
  return match === null ? undefined : Number(match[1]) / Number(match[2])
}

function usageOf(files: SystemFiles, place: CgroupPlace | undefined): number | undefined {
  const own = place?.directories[0]
  if (own === undefined) return undefined
  return files.number(`${own}/${place?.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'}`)
}

function memoryLimitOf(files: SystemFiles, directory: string, version: 1 | 2): number | undefined {
  const text = files.text(`${directory}/${version === 1 ? 'memory.limit_in_bytes' : 'memory.max'}`)?.trim()
  const bytes = parseNumber(text)
  return bytes === undefined || bytes > MEMORY_LIMIT_BYTES_MAX ? undefined : bytes
}

function pressureOf(files: SystemFiles, paths: CgroupPaths, resource: 'cpu' | 'memory' | 'io'): Pressure {
  const own = paths.unified?.directories[0]
  return parsePressure(own === undefined ? undefined : files.text(`${own}/${resource}.pressure`))
}

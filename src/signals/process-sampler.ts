import { availableParallelism } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { findCgroup, readCgroup, type CgroupPaths } from './cgroup.ts'
import { GUEST_CPU_MODES } from './labels.ts'
import type { Counter, RegistryWriter } from './registry-writer.ts'
import { parseCpuTimes, parseMaxFds, parsePressure, parseSchedstat, type Pressure, type SystemFiles } from './system-files.ts'

/** Threads whose run delay is read each second. */
const THREADS_MAX = 256

const RESOURCES = ['cpu', 'memory', 'io'] as const

/**
 * Samples the whole process and what lies below it: memory, CPU, descriptors, the own cgroup, the kernel, the hypervisor's share.
 * One per process, on a thread that serves no requests: a round takes about a millisecond.
 */
export class ProcessSampler {
  readonly #files: SystemFiles
  readonly #clock: Clock
  readonly #writer: RegistryWriter
  readonly #publishProcess: () => void
  readonly #publishSystem: () => void
  readonly #publishCgroup: () => void
  readonly #runDelay: RunDelay
  readonly #runDelayCounter: Counter

  constructor(writer: RegistryWriter, clock: Clock, files: SystemFiles) {
    this.#files = files
    this.#clock = clock
    this.#writer = writer
    this.#publishProcess = this.#processPublisher()
    this.#publishSystem = this.#systemPublisher()
    this.#publishCgroup = this.#cgroupPublisher(findCgroup(files))
    this.#runDelay = new RunDelay(files)
    this.#runDelayCounter = writer.counter('processRunDelaySeconds', {})
  }

  sample(): void {
    this.#publishProcess()
    this.#publishSystem()
    this.#publishCgroup()
    this.#runDelayCounter.set(this.#runDelay.totalSeconds())
  }

  #processPublisher(): () => void {
    const writer = this.#writer
    const resident = writer.gauge('processResidentBytes', {})
    const user = writer.counter('processCpuSeconds', { mode: 'user' })
    const system = writer.counter('processCpuSeconds', { mode: 'system' })
    const openFds = writer.gauge('processOpenFds', {})
    const threads = writer.gauge('processThreads', {})
    const uptime = writer.gauge('processUptime', {})
    writer.gauge('processMaxFds', {}).set(parseMaxFds(this.#files.text('proc/self/limits')))
    writer.gauge('processStartTime', {}).set(this.#clock.nowMs() / 1000 - process.uptime())
    return () => {
      const cpu = process.cpuUsage()
      resident.set(process.memoryUsage.rss())
      user.set(cpu.user / 1e6)
      system.set(cpu.system / 1e6)
      // Less the descriptor that lists the directory.
      const fds = this.#files.names('proc/self/fd')
      openFds.set(fds === undefined ? undefined : Math.max(0, fds.length - 1))
      threads.set(this.#files.names('proc/self/task')?.length)
      uptime.set(process.uptime())
    }
  }

  #systemPublisher(): () => void {
    const writer = this.#writer
    const steal = writer.counter('hostStealSeconds', {})
    const modes = GUEST_CPU_MODES.map((mode) => ({ mode, counter: writer.counter('guestCpuSeconds', { mode }) }))
    const pressures = RESOURCES.map((resource) => ({
      file: `proc/pressure/${resource}`,
      some: writer.counter('guestPressure', { resource, kind: 'some' }),
      full: writer.counter('guestPressure', { resource, kind: 'full' }),
    }))
    writer.gauge('guestCpus', {}).set(availableParallelism())
    return () => {
      const times = parseCpuTimes(this.#files.text('proc/stat'))
      for (const { mode, counter } of modes) counter.set(times?.[mode])
      steal.set(times?.steal)
      for (const { file, ...series } of pressures) setPressure(series, parsePressure(this.#files.text(file)))
    }
  }

  #cgroupPublisher(paths: CgroupPaths): () => void {
    const writer = this.#writer
    const periods = writer.counter('cgroupCpuPeriods', {})
    const throttled = writer.counter('cgroupCpuThrottled', {})
    const throttledSeconds = writer.counter('cgroupCpuThrottledSeconds', {})
    const quota = writer.gauge('cgroupCpuQuota', {})
    const memory = writer.gauge('cgroupMemoryBytes', {})
    const limit = writer.gauge('cgroupMemoryLimit', {})
    const pressures = RESOURCES.map((resource) => ({
      resource,
      some: writer.counter('cgroupPressure', { resource, kind: 'some' }),
      full: writer.counter('cgroupPressure', { resource, kind: 'full' }),
    }))
    return () => {
      const reading = readCgroup(this.#files, paths)
      periods.set(reading.cpuPeriods)
      throttled.set(reading.cpuThrottledPeriods)
      throttledSeconds.set(reading.cpuThrottledSeconds)
      quota.set(reading.cpuQuotaCores)
      memory.set(reading.memoryBytes)
      limit.set(reading.memoryLimitBytes)
      for (const { resource, ...series } of pressures) setPressure(series, reading.pressure[resource])
    }
  }
}

function setPressure(series: { readonly some: Counter; readonly full: Counter }, pressure: Pressure): void {
  series.some.set(pressure.someSeconds)
  series.full.set(pressure.fullSeconds)
}

/** Sums the run delay of all threads; what threads that ended had waited stays in the sum, so that it never falls. */
class RunDelay {
  readonly #files: SystemFiles
  #previous = new Map<string, number>()
  #totalSeconds = 0

  constructor(files: SystemFiles) {
    this.#files = files
  }

  /** Undefined where the kernel does not tell. */
  totalSeconds(): number | undefined {
    const threads = this.#files.names('proc/self/task') ?? []
    const current = new Map<string, number>()
    for (const thread of threads.slice(0, THREADS_MAX)) {
      const seconds = parseSchedstat(this.#files.text(`proc/self/task/${thread}/schedstat`))?.runDelaySeconds
      if (seconds === undefined) continue
      const before = this.#previous.get(thread) ?? 0
      // A number below the last one is a new thread under an old id.
      this.#totalSeconds += seconds >= before ? seconds - before : seconds
      current.set(thread, seconds)
    }
    this.#previous = current
    return current.size === 0 ? undefined : this.#totalSeconds
  }
}

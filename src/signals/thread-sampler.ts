import { monitorEventLoopDelay, performance, PerformanceObserver, type EventLoopUtilization } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../base/clock.ts'
import { GC_KINDS, type GcKind } from './labels.ts'
import type { Counter, Gauge, Histogram, RegistryWriter } from './registry-writer.ts'
import { parseSchedstat, type SystemFiles } from './system-files.ts'

/** Seconds that the windowed gauges look back: a scrape every 15 s misses nothing. */
const WINDOW_SAMPLES = 15

const LOOP_RESOLUTION_MS = 10

/** `perf_hooks.constants.NODE_PERFORMANCE_GC_*`. */
const GC_KIND_OF: ReadonlyMap<number, GcKind> = new Map<number, GcKind>([
  [1, 'minor'],
  [4, 'major'],
  [8, 'incremental'],
  [16, 'weak-callbacks'],
])

/** One second of one thread. */
interface Second {
  readonly delayP50: number
  readonly delayP99: number
  readonly delayMax: number
  readonly gcSeconds: number
  readonly wallSeconds: number
}

/** Samples the JavaScript thread it is made on: event loop, garbage collection, heap, CPU. `sample` wants to be called each second. */
export class ThreadSampler {
  readonly #files: SystemFiles
  readonly #clock: Clock
  readonly #series: ThreadSeries
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>
  readonly #observer: PerformanceObserver
  readonly #window: Second[] = []
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #sampledAtMs: number
  #gcSeconds = 0

  constructor(writer: RegistryWriter, clock: Clock, files: SystemFiles) {
    this.#files = files
    this.#clock = clock
    this.#series = openSeries(writer)
    this.#sampledAtMs = clock.monotonicMs()
    this.#delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
    this.#delay.enable()
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#countPause(entry.duration / 1000, (entry as { detail?: { kind?: number } }).detail?.kind)
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  sample(): void {
    const nowMs = this.#clock.monotonicMs()
    const second: Second = {
      delayP50: this.#lateness(this.#delay.percentile(50)),
      delayP99: this.#lateness(this.#delay.percentile(99)),
      delayMax: this.#lateness(this.#delay.max),
      gcSeconds: this.#gcSeconds,
      wallSeconds: (nowMs - this.#sampledAtMs) / 1000,
    }
    this.#delay.reset()
    this.#gcSeconds = 0
    this.#sampledAtMs = nowMs
    this.#window.push(second)
    if (this.#window.length > WINDOW_SAMPLES) this.#window.shift()
    this.#publishWindow()
    this.#publishLoop()
    this.#publishMemory()
    const times = parseSchedstat(this.#files.text('proc/thread-self/schedstat'))
    this.#series.cpuSeconds.set(times?.onCpuSeconds)
    this.#series.runDelaySeconds.set(times?.runDelaySeconds)
    this.#series.heartbeat.set(this.#clock.nowMs() / 1000)
  }

  close(): void {
    this.#delay.disable()
    this.#observer.disconnect()
  }

  /** Node measures from timer to timer, so an undisturbed loop shows the resolution; without a sample it shows NaN or 2^63. */
  #lateness(nanoseconds: number): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000)
  }

  #countPause(seconds: number, kind: number | undefined): void {
    this.#gcSeconds += seconds
    this.#series.gcPauses.get(GC_KIND_OF.get(kind ?? 0) ?? 'other')?.observe(seconds)
  }

  #publishWindow(): void {
    const window = this.#window
    const medians = window.map((second) => second.delayP50).sort((a, b) => a - b)
    const wallSeconds = window.reduce((sum, second) => sum + second.wallSeconds, 0)
    const gcSeconds = window.reduce((sum, second) => sum + second.gcSeconds, 0)
    this.#series.delayP50.set(medians[Math.floor(medians.length / 2)])
    this.#series.delayP99.set(Math.max(...window.map((second) => second.delayP99)))
    this.#series.delayMax.set(Math.max(...window.map((second) => second.delayMax)))
    this.#series.gcRatio.set(wallSeconds > 0 ? Math.min(1, gcSeconds / wallSeconds) : undefined)
  }

  #publishLoop(): void {
    const now = performance.eventLoopUtilization()
    this.#series.utilization.set(performance.eventLoopUtilization(now, this.#utilization).utilization)
    this.#series.activeSeconds.set(now.active / 1000)
    this.#utilization = now
  }

  #publishMemory(): void {
    const heap = getHeapStatistics()
    this.#series.heapUsed.set(heap.used_heap_size)
    this.#series.heapTotal.set(heap.total_heap_size)
    this.#series.heapLimit.set(heap.heap_size_limit)
    this.#series.external.set(heap.external_memory)
  }
}

interface ThreadSeries {
  readonly delayP50: Gauge
  readonly delayP99: Gauge
  readonly delayMax: Gauge
  readonly utilization: Gauge
  readonly activeSeconds: Counter
  readonly gcPauses: ReadonlyMap<GcKind, Histogram>
  readonly gcRatio: Gauge
  readonly heapUsed: Gauge
  readonly heapTotal: Gauge
  readonly heapLimit: Gauge
  readonly external: Gauge
  readonly cpuSeconds: Counter
  readonly runDelaySeconds: Counter
  readonly heartbeat: Gauge
}

function openSeries(writer: RegistryWriter): ThreadSeries {
  return {
    delayP50: writer.gauge('loopDelay', { statistic: 'p50' }),
    delayP99: writer.gauge('loopDelay', { statistic: 'p99' }),
    delayMax: writer.gauge('loopDelay', { statistic: 'max' }),
    utilization: writer.gauge('loopUtilization', {}),
    activeSeconds: writer.counter('loopActiveSeconds', {}),
    gcPauses: new Map(GC_KINDS.map((kind) => [kind, writer.histogram('gcPause', { kind })])),
    gcRatio: writer.gauge('gcTimeRatio', {}),
    heapUsed: writer.gauge('heapBytes', { kind: 'used' }),
    heapTotal: writer.gauge('heapBytes', { kind: 'total' }),
    heapLimit: writer.gauge('heapBytes', { kind: 'limit' }),
    external: writer.gauge('externalBytes', {}),
    cpuSeconds: writer.counter('threadCpuSeconds', {}),
    runDelaySeconds: writer.counter('threadRunDelaySeconds', {}),
    heartbeat: writer.gauge('heartbeat', {}),
  }
}

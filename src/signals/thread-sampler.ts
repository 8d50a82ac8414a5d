import { performance, PerformanceObserver, type EventLoopUtilization } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../base/clock.ts'
import { GC_KINDS, type GcKind } from './labels.ts'
import { LoopDelayMonitor } from './loop-delay.ts'
import type { Counter, Gauge, Histogram, RegistryWriter } from './registry-writer.ts'
import { SecondsWindow } from './seconds-window.ts'
import { parseSchedstat, type SystemFiles } from './system-files.ts'

/** `perf_hooks.constants.NODE_PERFORMANCE_GC_*`. */
const GC_KIND_OF: ReadonlyMap<number, GcKind> = new Map<number, GcKind>([
  [1, 'minor'],
  [4, 'major'],
  [8, 'incremental'],
  [16, 'weak-callbacks'],
])

/** Samples the JavaScript thread it is made on: event loop, garbage collection, heap, CPU. `sample` wants to be called each second. */
export class ThreadSampler {
  readonly #files: SystemFiles
  readonly #clock: Clock
  readonly #series: ThreadSeries
  readonly #delay: LoopDelayMonitor
  readonly #observer: PerformanceObserver
  readonly #window = new SecondsWindow()
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #sampledAtMs: number
  #gcSeconds = 0

  constructor(writer: RegistryWriter, clock: Clock, files: SystemFiles) {
    this.#files = files
    this.#clock = clock
    this.#series = openSeries(writer)
    this.#sampledAtMs = clock.monotonicMs()
    this.#delay = new LoopDelayMonitor(() => clock.monotonicMs())
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#countPause(entry.duration / 1000, (entry as { detail?: { kind?: number } }).detail?.kind)
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  sample(): void {
    const nowMs = this.#clock.monotonicMs()
    const figures = this.#window.push({
      ...this.#delay.read(),
      gcSeconds: this.#gcSeconds,
      wallSeconds: (nowMs - this.#sampledAtMs) / 1000,
    })
    this.#gcSeconds = 0
    this.#sampledAtMs = nowMs
    this.#series.delayP50.set(figures.delayP50Seconds)
    this.#series.delayP99.set(figures.delayP99Seconds)
    this.#series.delayMax.set(figures.delayMaxSeconds)
    this.#series.gcRatio.set(figures.gcRatio)
    this.#publishLoop()
    this.#publishMemory()
    const times = parseSchedstat(this.#files.text('proc/thread-self/schedstat'))
    this.#series.cpuSeconds.set(times?.onCpuSeconds)
    this.#series.runDelaySeconds.set(times?.runDelaySeconds)
    this.#series.heartbeat.set(this.#clock.nowMs() / 1000)
  }

  close(): void {
    this.#delay.close()
    this.#observer.disconnect()
  }

  #countPause(seconds: number, kind: number | undefined): void {
    this.#gcSeconds += seconds
    this.#series.gcPauses.get(GC_KIND_OF.get(kind ?? 0) ?? 'other')?.observe(seconds)
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

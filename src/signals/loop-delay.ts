import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How late the event loop ran its timers. */
export interface LoopDelay {
  readonly delayP50Seconds: number
  readonly delayP99Seconds: number
  readonly delayMaxSeconds: number
}

const RESOLUTION_MS = 20

type Monitor = ReturnType<typeof monitorEventLoopDelay>

/**
 * Measures the event loop of this thread. Node's histogram forgets, with every reset, the interval that follows: a block that
 * begins there would go unseen. Two of them take turns, so that one always watches while the other starts anew.
 */
export class LoopDelayMonitor {
  #next: Monitor = begin()
  #other: Monitor = begin()

  /** The delays of the last two periods between calls. */
  read(): LoopDelay {
    const monitor = this.#next
    const delay: LoopDelay = {
      delayP50Seconds: lateness(monitor, monitor.percentile(50)),
      delayP99Seconds: lateness(monitor, monitor.percentile(99)),
      delayMaxSeconds: lateness(monitor, monitor.max),
    }
    monitor.reset()
    this.#next = this.#other
    this.#other = monitor
    return delay
  }

  close(): void {
    this.#next.disable()
    this.#other.disable()
  }
}

function begin(): Monitor {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  monitor.enable()
  return monitor
}

/** Node measures from timer to timer, so an undisturbed loop shows the resolution; without a measurement it shows NaN or 2^63. */
function lateness(monitor: Monitor, nanoseconds: number): number {
  return monitor.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
}

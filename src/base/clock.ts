import { performance } from 'node:perf_hooks'

/** Time as an argument. Everything that asks for the time takes a Clock, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  nowMs(): number
  /** Milliseconds since an arbitrary start, never going back; fractions are microseconds and below. */
  monotonicMs(): number
}

/** The machine's clock. `performance` is imported: the global of that name is a getter, which costs as much as the clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #nowMs: number
  #monotonicMs = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  advance(deltaMs: number): void {
    this.#nowMs += deltaMs
    this.#monotonicMs += deltaMs
  }
}

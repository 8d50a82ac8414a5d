import type { Connection } from './connection.ts'
import type { StallTimes } from './client-watch.ts'
import type { Engine } from './engine.ts'

/** A client that has bytes to take, and holds memory until it does. */
export interface Stall extends StallTimes {
  readonly connection: Connection
  /** Some of the memory is the cache's. */
  readonly holdsLoans: boolean
}

/** What may be short: the cache's memory, because too much of it is lent, or what is held outside of it. */
export type Shortage = 'loans' | 'budget'

/**
 * Gets memory back from clients that do not read. While none is short they are left alone: the minimum rate ends them in time. When it is,
 * those that took nothing for a while are cut, the longest stalled first, until it is not; and if there are none, those that have held on to
 * the same lent bytes for much longer.
 */
export class PressureRelief {
  readonly #engine: Engine
  readonly #shortage: () => Shortage | undefined
  /** The longest stalled last. */
  #victims: Stall[] = []
  /** Cut, but not closed yet. */
  #ending: Connection | undefined = undefined
  #soon = false

  /** `shortage` says what is short now; it is asked again after every cut. */
  constructor(engine: Engine, shortage: () => Shortage | undefined) {
    this.#engine = engine
    this.#shortage = shortage
  }

  /** `relieve` in a moment: whoever finds memory short is in the middle of something that a cut would reach into. */
  relieveSoon(): void {
    if (this.#soon) return
    this.#soon = true
    setImmediate(() => {
      this.#soon = false
      this.relieve()
    })
  }

  /** Looks whether memory is short, and begins to cut where it is. */
  relieve(): void {
    if (this.#ending !== undefined) return
    const shortage = this.#shortage()
    if (shortage === undefined) return
    this.#victims = this.#choose(shortage)
    this.#cutNext()
  }

  /** To be told of every connection that is closed. */
  closed(connection: Connection): void {
    if (connection !== this.#ending) return
    this.#ending = undefined
    setImmediate(() => this.#goOn())
  }

  /** One at a time: what a cut frees is free only when the socket is closed. */
  #cutNext(): void {
    for (let victim = this.#victims.pop(); victim !== undefined; victim = this.#victims.pop()) {
      const { connection } = victim
      if (connection.stalled() === undefined) continue
      this.#ending = connection
      connection.cutReader('stalled-reader')
      return
    }
  }

  #goOn(): void {
    if (this.#ending !== undefined) return
    if (this.#shortage() === undefined) this.#victims = []
    this.#cutNext()
  }

  #choose(shortage: Shortage): Stall[] {
    const { stallTimeoutMs, lentTimeoutMs } = this.#engine.limits
    const holders: Stall[] = []
    for (const connection of this.#engine.connections) {
      const stall = connection.stalled()
      if (stall !== undefined && (shortage === 'budget' || stall.holdsLoans)) holders.push(stall)
    }
    const stalled = holders.filter(({ stalledMs }) => stalledMs >= stallTimeoutMs)
    if (stalled.length > 0) return stalled.toSorted((a, b) => a.stalledMs - b.stalledMs)
    return holders.filter(({ sameWriteMs }) => sameWriteMs >= lentTimeoutMs).toSorted((a, b) => a.sameWriteMs - b.sameWriteMs)
  }
}

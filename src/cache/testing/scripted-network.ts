import type { Cache } from '../cache.ts'
import type { CacheMessage } from '../message.ts'

/** For tests: the channels between the caches of several workers in one thread. Messages keep their order within a channel, and wait until they are let through. */
export class ScriptedNetwork {
  readonly #channels: { readonly from: number; readonly to: number; readonly messages: CacheMessage[] }[] = []
  readonly #random: () => number
  readonly #caches: Cache[] = []
  readonly counts: Partial<Record<CacheMessage['kind'], number>> = {}

  constructor(workers: number, random: () => number) {
    this.#random = random
    for (let from = 0; from < workers; from++) for (let to = 0; to < workers; to++) this.#channels.push({ from, to, messages: [] })
  }

  connect(worker: number, cache: Cache): void {
    this.#caches[worker] = cache
  }

  postFrom(from: number): (to: number, message: CacheMessage) => void {
    return (to, message) => {
      this.counts[message.kind] = (this.counts[message.kind] ?? 0) + 1
      this.#channels.find((channel) => channel.from === from && channel.to === to)?.messages.push(structuredClone(message))
    }
  }

  /** Brings the first message of some channel to where it goes; false where none is on its way. */
  deliver(): boolean {
    const busy = this.#channels.filter((channel) => channel.messages.length > 0)
    const channel = busy[Math.floor(this.#random() * busy.length)]
    const message = channel?.messages.shift()
    if (channel === undefined || message === undefined) return false
    this.#caches[channel.to]?.receive(channel.from, message)
    return true
  }

  /** Brings everything to where it goes, and what comes of it. */
  async deliverAll(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      quiet = this.deliver() ? 0 : quiet + 1
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

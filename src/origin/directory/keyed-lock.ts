/** Lets one piece of work at a time run for each name; holds nothing for names that nobody works on. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  async run<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.#tails.get(name)
    const { promise: done, resolve: release } = Promise.withResolvers<void>()
    const tail = before === undefined ? done : before.then(() => done)
    this.#tails.set(name, tail)
    try {
      await before
      return await work()
    } finally {
      release()
      if (this.#tails.get(name) === tail) this.#tails.delete(name)
    }
  }
}

/** Concurrent askers of one question share one answer. Not a cache: an answer is forgotten as soon as it is there. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>()

  /** Joins the flight of `name`, or starts it. `led` says whether this caller started it. */
  join(name: string, start: () => Promise<T>): { readonly answer: Promise<T>; readonly led: boolean } {
    const running = this.#running.get(name)
    if (running !== undefined) return { answer: running, led: false }
    const answer = start().finally(() => {
      this.#running.delete(name)
    })
    this.#running.set(name, answer)
    return { answer, led: true }
  }

  has(name: string): boolean {
    return this.#running.has(name)
  }

  get size(): number {
    return this.#running.size
  }
}

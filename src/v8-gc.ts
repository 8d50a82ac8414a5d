import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** `last-resort` also gives memory back that V8 keeps at hand. */
type Collect = (options: { readonly type: 'minor' | 'major'; readonly flavor?: 'last-resort' }) => void

/**
 * V8's collector, in this thread. There is no API for it but the one for tests: a flag, which changes nothing else, and a function of contexts
 * that are made under it. Threads that are started later have it in their own; here a context is made for it, of about a MiB.
 */
export function v8Gc(): Collect {
  const { gc } = globalThis as { readonly gc?: Collect }
  if (gc !== undefined) return gc
  exposeGcToThreads()
  return runInNewContext('gc') as Collect
}

/** Lets the threads that are started from now on have the collector without a context for it. */
export function exposeGcToThreads(): void {
  setFlagsFromString('--expose-gc')
}

/** Programmer errors stop here: expected failures are values or refusals, never assertions. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message)
}

/** The compiler proves that a closed union was handled; at run time it names the word that was not. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`)
}

/** A broken invariant of our own. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

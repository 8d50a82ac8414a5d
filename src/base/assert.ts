/** Programmer errors stop here: expected failures are values or refusals, never assertions. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message)
}

/** A broken invariant of our own. */
class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** A difference that is meant, or that cannot be helped; each stands in docs/semantics.md too. */
export interface ExplainedDifference {
  /** Names of checks, with their suite in front. */
  readonly check: RegExp
  /** Names of the origins where it shows; everywhere where absent. */
  readonly origin?: RegExp
  readonly why: string
}

export const EXPLAINED: readonly ExplainedDifference[] = []

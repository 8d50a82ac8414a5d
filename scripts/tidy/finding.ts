/** One thing that is not as the house rules want it. */
export interface Finding {
  readonly file: string
  /** From 1; 1 where the whole file is meant. */
  readonly line: number
  /** What was found and what was wanted instead. */
  readonly message: string
}

export function formatFinding({ file, line, message }: Finding): string {
  return `${file}:${line}: ${message}`
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** One finding for every match of a global expression. `message` may say what was matched. */
export function matchAll(
  file: string,
  text: string,
  rule: { readonly pattern: RegExp; readonly message: (match: RegExpExecArray) => string },
) {
  return [...text.matchAll(rule.pattern)].map((match): Finding => ({ file, line: lineAt(text, match.index), message: rule.message(match) }))
}

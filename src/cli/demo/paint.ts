/** Text with terminal colours, or without: the same call for both. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly accent: (text: string) => string
}

/** No colours: for files, pipes, tests and people who set NO_COLOR. */
export const PLAIN: Paint = { bold: same, dim: same, good: same, bad: same, accent: same }

/** The sixteen colours that every terminal has (ECMA-48 select graphic rendition). */
export const COLOURED: Paint = { bold: sgr(1, 22), dim: sgr(2, 22), good: sgr(32, 39), bad: sgr(31, 39), accent: sgr(36, 39) }

function same(text: string): string {
  return text
}

function sgr(on: number, off: number): (text: string) => string {
  return (text) => `${ESCAPE}[${on}m${text}${ESCAPE}[${off}m`
}

const ESCAPE = '\u001B'
const SGR = new RegExp(String.raw`(${ESCAPE}\[[\d;]*m)`, 'g')

/** How many columns a text takes. All that the view prints is one column wide per character. */
export function columns(text: string): number {
  return text.replace(SGR, '').length
}

/** The text cut to a width; colours are closed after the cut. */
export function cutTo(text: string, width: number): string {
  if (columns(text) <= width) return text
  let kept = ''
  let used = 0
  for (const part of text.split(SGR)) {
    if (part.startsWith(ESCAPE)) kept += part
    else {
      kept += part.slice(0, width - used)
      used += Math.min(part.length, width - used)
    }
  }
  return kept
}

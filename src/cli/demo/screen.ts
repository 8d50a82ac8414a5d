/** The part of a terminal's output stream that the screen uses. */
export interface TerminalOutput {
  readonly columns?: number
  readonly rows?: number
  write(text: string): boolean
}

const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l'
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l'
/** Terminals that know it show everything between the two at once; others ignore it (mode 2026, "synchronized output"). */
const BEGIN_UPDATE = '\u001B[?2026h'
const END_UPDATE = '\u001B[?2026l'
const HOME = '\u001B[H'
const CLEAR_TO_LINE_END = '\u001B[K'
const CLEAR_BELOW = '\u001B[J'

const COLUMNS_DEFAULT = 80
const ROWS_DEFAULT = 24

/**
 * A terminal's alternate screen, drawn over in place: lines are overwritten and then cleared to their end, never blanked first, so
 * nothing flickers. What the terminal showed before comes back on `close`, which also runs if the process exits without it.
 */
export class Screen {
  readonly #output: TerminalOutput
  readonly #leave = (): void => this.close()
  #open = false

  constructor(output: TerminalOutput) {
    this.#output = output
  }

  get width(): number {
    return this.#output.columns ?? COLUMNS_DEFAULT
  }

  open(): void {
    this.#open = true
    process.once('exit', this.#leave)
    this.#output.write(ENTER)
  }

  /** Shows the lines; those that the terminal has no room for are left out. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, this.#output.rows ?? ROWS_DEFAULT).map((line) => line + CLEAR_TO_LINE_END)
    this.#output.write(`${BEGIN_UPDATE}${HOME}${shown.join('\r\n')}${CLEAR_BELOW}${END_UPDATE}`)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    process.removeListener('exit', this.#leave)
    this.#output.write(LEAVE)
  }
}

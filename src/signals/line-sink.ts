import { write, writeSync } from 'node:fs'

/**
 * Lines to a file descriptor, written on the thread pool so that a slow terminal, pipe or disk never stops the event loop.
 * Bounded: lines that do not fit are dropped and counted. Errors of the descriptor cost lines, nothing else.
 */
export class LineSink {
  readonly #fd: number
  readonly #onDrop: (lines: number) => void
  readonly #exit = (): void => this.#flushAtExit()
  #pending: string[] = []
  #pendingCharacters = 0
  #writing: Promise<void> | undefined = undefined
  #ended = false

  /** `onDrop` is told how many lines were lost. */
  constructor(fd: number, onDrop: (lines: number) => void) {
    this.#fd = fd
    this.#onDrop = onDrop
    process.once('exit', this.#exit)
  }

  /** Takes one line, its newline included. */
  write(line: string): void {
    if (this.#ended || this.#pendingCharacters + line.length > PENDING_CHARACTERS_MAX) {
      this.#onDrop(1)
      return
    }
    this.#pending.push(line)
    this.#pendingCharacters += line.length
    this.#writing ??= this.#pump()
  }

  /** Writes what is waiting, for at most `timeoutMs`; later lines are dropped. */
  async close(timeoutMs: number): Promise<void> {
    process.off('exit', this.#exit)
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeoutMs)
    await Promise.race([this.#writing, promise])
    clearTimeout(timer)
    this.#end()
  }

  async #pump(): Promise<void> {
    // Lines of one turn of the event loop go out together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const { chunk, lines } = this.#takeChunk()
      try {
        await this.#writeWhole(chunk)
      } catch (error) {
        this.#onDrop(lines)
        if (codeOf(error) === 'EPIPE' || codeOf(error) === 'EBADF') this.#end()
      }
    }
    this.#writing = undefined
  }

  /** Whole lines of up to one atomic write; a longer line by itself. */
  #takeChunk(): { chunk: Buffer; lines: number } {
    let lines = 0
    let bytes = 0
    for (const line of this.#pending) {
      bytes += Buffer.byteLength(line)
      if (lines > 0 && bytes > ATOMIC_WRITE_BYTES) break
      lines++
    }
    const text = this.#pending.splice(0, lines).join('')
    this.#pendingCharacters -= text.length
    return { chunk: Buffer.from(text), lines }
  }

  async #writeWhole(chunk: Buffer): Promise<void> {
    let written = 0
    while (written < chunk.length) {
      try {
        written += await writeOnce(this.#fd, chunk.subarray(written))
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN') throw error
        // Not unreferenced: the process stays until its lines are out, or until `close` gives up.
        await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS))
        if (this.#ended) throw error
      }
    }
  }

  #end(): void {
    this.#ended = true
    if (this.#pending.length > 0) this.#onDrop(this.#pending.length)
    this.#pending = []
    this.#pendingCharacters = 0
  }

  /** The event loop has stopped: the rest goes out synchronously, and is given up where nobody takes it. */
  #flushAtExit(): void {
    const rest = Buffer.from(this.#pending.join(''))
    let written = 0
    for (let patience = EXIT_RETRIES_MAX; written < rest.length && patience > 0;) {
      try {
        written += writeSync(this.#fd, rest, written)
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN') return
        patience--
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_RETRY_MS)
      }
    }
  }
}

/** What may wait in memory. */
const PENDING_CHARACTERS_MAX = 4 * 1024 * 1024

/** PIPE_BUF on Linux: a write of up to this many bytes to a pipe is not torn apart by what other threads write. */
const ATOMIC_WRITE_BYTES = 4096

const BUSY_RETRY_MS = 10

const EXIT_RETRIES_MAX = 50

function writeOnce(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

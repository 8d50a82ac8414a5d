import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ACTION_TIMEOUT_MS, type Action, type ActionArgs, type Answer, type Session } from '../client.ts'

interface Line {
  readonly answer?: Answer & { readonly version?: string }
  readonly error?: string
}

const STDERR_CHARACTERS_MAX = 4_000

/** A client library in a process of its own, spoken to in lines of JSON: one request, one answer, in turn. */
export class DriverProcess implements Session {
  readonly #name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string, undefined>
  #stderr = ''

  constructor(name: string, command: readonly string[], env: Readonly<Record<string, string>>) {
    this.#name = name
    const [program = '', ...args] = command
    this.#child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.on('error', (error) => (this.#stderr += error.message))
    this.#child.stdin.on('error', () => undefined)
    this.#child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_MAX)))
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async act(action: Action, args: ActionArgs): Promise<Answer> {
    return this.#ask(action, args)
  }

  async version(): Promise<string> {
    return (await this.#ask('version', {})).version ?? 'unknown'
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#child.once('exit', () => resolve())
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000)
    await promise
    clearTimeout(timer)
  }

  async #ask(action: string, args: object): Promise<NonNullable<Line['answer']>> {
    this.#stderr = ''
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ACTION_TIMEOUT_MS)
    try {
      this.#child.stdin.write(`${JSON.stringify({ action, args })}\n`)
      const next: IteratorResult<string, undefined> = await this.#lines.next()
      const what = `${this.#name} ${action} ${JSON.stringify(args)}`
      if (next.done === true) throw new Error(`${what}\nthe driver ended\nstderr: ${this.#stderr.trim()}`)
      const line = JSON.parse(next.value) as Line
      if (line.error !== undefined)
        throw new Error(`${what}\n${line.error}${this.#stderr === '' ? '' : `\nstderr: ${this.#stderr.trim()}`}`)
      return line.answer ?? {}
    } finally {
      clearTimeout(timer)
    }
  }
}

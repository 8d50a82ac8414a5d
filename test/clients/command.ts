import { spawn } from 'node:child_process'

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeoutMs?: number
  readonly input?: string
  /** Exit codes that count as success; [0] where absent. */
  readonly okCodes?: readonly number[]
}

export interface CommandOutput {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const TIMEOUT_MS = 90_000
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024
const TAIL_CHARACTERS = 1_500

/** A command that ended with a code that was not expected; the message carries the command line and both tails. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly output: CommandOutput

  constructor(commandLine: string, ended: string, output: CommandOutput) {
    super(`$ ${commandLine}\n${ended}${tail('stdout', output.stdout)}${tail('stderr', output.stderr)}`)
    this.output = output
  }
}

/** Runs one program to its end without a shell. Rejects with CommandFailure where it fails or takes too long. */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> {
  const commandLine = [program, ...args].map(quote).join(' ')
  const child = spawn(program, args, { env: options.env ?? process.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  let [stdout, stderr, timedOut] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = (stdout + text).slice(-OUTPUT_BYTES_MAX)))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-OUTPUT_BYTES_MAX)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, options.timeoutMs ?? TIMEOUT_MS)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', (error) => reject(new CommandFailure(commandLine, error.message, { code: -1, stdout, stderr })))
  child.once('close', (code, signal) => resolve(code ?? (signal === null ? -1 : 128)))
  try {
    const code = await promise
    const output = { code, stdout, stderr }
    if (timedOut) throw new CommandFailure(commandLine, `killed after ${options.timeoutMs ?? TIMEOUT_MS} ms`, output)
    if (!(options.okCodes ?? [0]).includes(code)) throw new CommandFailure(commandLine, `exit code ${code}`, output)
    return output
  } finally {
    clearTimeout(timer)
  }
}

/** The environment of a child: nothing of the caller's but PATH, a home of its own, and what is given. */
export function cleanEnvironment(home: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, LC_ALL: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1', ...extra }
}

function tail(name: string, text: string): string {
  const end = text.trim().slice(-TAIL_CHARACTERS)
  return end === '' ? '' : `\n${name}: ${end}`
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

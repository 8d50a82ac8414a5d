import { fileURLToPath } from 'node:url'
import { BackgroundProcess } from './background-process.ts'
import { cleanEnvironment } from './command.ts'
import { freePorts } from './ports.ts'
import type { Credentials } from './sign.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const READY_TIMEOUT_MS = 30_000
const DRAIN_TIMEOUT_MS = 20_000

interface HotbucketOptions {
  /** The entry point that node runs. */
  readonly program: string
  readonly origin: string
  readonly credentials: Credentials
  readonly home: string
  readonly logFile: string
  /** More of its flags; they win over the ones that stand here. */
  readonly flags?: readonly string[]
  /** Where it listens; any free port where absent. */
  readonly port?: number
}

/** hotbucket as a user runs it: a process of its own that clients sign for with the same key that it holds for the origin. */
export class HotbucketProcess {
  readonly endpoint: string
  readonly port: number
  readonly #adminPort: number
  readonly #process: BackgroundProcess

  private constructor(ports: { readonly port: number; readonly adminPort: number; readonly scheme: string }, process: BackgroundProcess) {
    this.endpoint = `${ports.scheme}://127.0.0.1:${ports.port}`
    this.port = ports.port
    this.#adminPort = ports.adminPort
    this.#process = process
  }

  static async start(options: HotbucketOptions): Promise<HotbucketProcess> {
    const [freePort = 0, adminPort = 0] = await freePorts(2)
    const port = options.port ?? freePort
    const flags = options.flags ?? ['--memory', '256MiB']
    const serve = [options.program, 'serve', '--origin', options.origin, '--workers', '1', ...flags]
    const listen = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`]
    const env = cleanEnvironment(options.home, {
      AWS_ACCESS_KEY_ID: options.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: options.credentials.secretAccessKey,
      AWS_REGION: options.credentials.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    })
    const child = new BackgroundProcess([process.execPath, ...serve, ...listen], {
      name: 'hotbucket',
      env,
      logFile: options.logFile,
      cwd: REPOSITORY,
    })
    try {
      await child.waitFor(`http://127.0.0.1:${adminPort}/healthz/ready`, READY_TIMEOUT_MS)
    } catch (error) {
      await child.stop(DRAIN_TIMEOUT_MS)
      throw error
    }
    const scheme = flags.includes('--tls-cert') ? 'https' : 'http'
    return new HotbucketProcess({ port, adminPort, scheme }, child)
  }

  /** The value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#adminPort}/metrics`)
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(await response.text())?.[1]
    if (value === undefined) throw new Error(`Cannot read metric "${name}": hotbucket shows none of that name`)
    return Number(value)
  }

  /** Ends it as a crash would; rejects where it had died before. */
  async kill(): Promise<void> {
    if (!this.#process.running) throw new Error(`hotbucket died: ${this.#process.ending}\n${await this.#process.logTail()}`)
    await this.#process.kill()
  }

  /** Stops it; rejects where it had died before, or did not drain in time and with exit code 0. */
  async stop(): Promise<void> {
    if (!this.#process.running) throw new Error(`hotbucket died: ${this.#process.ending}\n${await this.#process.logTail()}`)
    if (!(await this.#process.stop(DRAIN_TIMEOUT_MS)))
      throw new Error(`hotbucket did not drain cleanly: ${this.#process.ending}\n${await this.#process.logTail()}`)
  }

  /** The end of its log without what it says in good health: a line for each request that was answered. */
  async logTail(): Promise<string> {
    return this.#process.logTail(/"level":"info"/)
  }
}

import { createHash } from 'node:crypto'
import { access, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CommandOptions, run } from './command.ts'
import { awsCli2 } from './install-aws-cli-2.ts'
import { goProgram } from './install-go.ts'

const INSTALL_TIMEOUT_MS = 20 * 60_000
const SLOW: CommandOptions = { timeoutMs: INSTALL_TIMEOUT_MS }

/** The first with the AWS SDK for Go version 2 in its S3 backend. */
const RCLONE_MINOR_MIN = 68
const RCLONE_MODULE = 'github.com/rclone/rclone@v1.75.2'
const MC_MODULE = 'github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9'
const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Installs the clients that the tests drive into a directory of the tests' own; the machine stays as it is. */
export class Installer {
  readonly #directory: string
  readonly #say: (line: string) => void

  constructor(directory: string, say: (line: string) => void) {
    this.#directory = directory
    this.#say = say
  }

  /** The bin directory of a Python environment with exactly what `python/requirements-<name>.txt` lists. */
  async python(name: 'clients' | 's3fs' | 'moto' | 'suites'): Promise<string> {
    const requirements = fileURLToPath(new URL(`python/requirements-${name}.txt`, import.meta.url))
    const python = (await run('python3', ['--version'])).stdout
    const wanted = createHash('sha256')
      .update(`${python}${await readFile(requirements, 'utf8')}`)
      .digest('hex')
    const directory = join(this.#directory, `python-${name}`)
    const stamp = join(directory, 'installed')
    if ((await readFile(stamp, 'utf8').catch(() => '')) !== wanted) {
      this.#say(`installing python packages: ${name}`)
      await rm(directory, { recursive: true, force: true })
      await run('python3', ['-m', 'venv', directory], SLOW)
      await run(join(directory, 'bin', 'pip'), ['install', '--quiet', '--no-deps', '-r', requirements], SLOW)
      await writeFile(stamp, wanted)
    }
    return join(directory, 'bin')
  }

  /** The AWS CLI, version 2. */
  async awsCli2(): Promise<string> {
    this.#say('aws-cli-2: unpacking it the first time')
    return awsCli2(join(this.#directory, 'aws-cli-2'))
  }

  /** MinIO's command line, built from its Go module. */
  async mc(): Promise<string> {
    this.#say('mc: building it the first time takes minutes')
    return goProgram(join(this.#directory, 'go'), MC_MODULE)
  }

  /** The file that a module of the npm registry begins with. */
  async nodeModule(name: string, version: string): Promise<string> {
    const home = join(this.#directory, 'node')
    const manifest = join(home, 'node_modules', name, 'package.json')
    const installed = async (): Promise<{ version?: string; module?: string; main?: string }> =>
      JSON.parse(await readFile(manifest, 'utf8').catch(() => '{}')) as { version?: string; module?: string; main?: string }
    if ((await installed()).version !== version) {
      await mkdir(home, { recursive: true })
      await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', home, `${name}@${version}`], SLOW)
    }
    const { module, main } = await installed()
    return join(home, 'node_modules', name, module ?? main ?? 'index.js')
  }

  /** A rclone that is new enough: the machine's, else Debian's current package, else built from its Go module. */
  async rclone(): Promise<string> {
    const directory = join(this.#directory, 'rclone')
    const candidates = ['rclone', join(directory, 'usr', 'bin', 'rclone'), join(directory, 'bin', 'rclone')]
    for (const program of candidates) if (await isNewEnough(program)) return program
    this.#say('installing rclone')
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory, { recursive: true })
    const reasons: string[] = []
    for (const install of [rcloneFromDebian, this.#rcloneFromGo.bind(this)]) {
      await install(directory).catch((error: unknown) => reasons.push(String(error)))
      for (const program of candidates) if (await isNewEnough(program)) return program
    }
    throw new Error(
      `Cannot install rclone: neither Debian's package nor Go gave version 1.${RCLONE_MINOR_MIN} or later\n${reasons.join('\n')}`,
    )
  }

  async #rcloneFromGo(directory: string): Promise<void> {
    this.#say(`building ${RCLONE_MODULE} (several minutes)`)
    const env = { ...stringEnvironment(), GOBIN: join(directory, 'bin') }
    await run('go', ['install', RCLONE_MODULE], { ...SLOW, env })
  }
}

/** Debian's unstable release has the current version; apt keeps lists and package in a directory of ours. */
async function rcloneFromDebian(directory: string): Promise<void> {
  await access(DEBIAN_KEYS)
  const apt = join(directory, 'apt')
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true })
  await mkdir(join(apt, 'archives', 'partial'), { recursive: true })
  const mirror = process.env['HOTBUCKET_TEST_DEBIAN_MIRROR'] ?? (await debianMirror())
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${DEBIAN_KEYS}] ${mirror} sid main\n`)
  const settings = [
    `Dir::State::lists "${apt}/lists";`,
    'Dir::State::status "/dev/null";',
    `Dir::Cache "${apt}";`,
    `Dir::Etc::sourcelist "${apt}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    'Acquire::Languages "none";',
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User "root";'] : []),
  ]
  await writeFile(join(apt, 'apt.conf'), `${settings.join('\n')}\n`)
  const options = { ...SLOW, cwd: directory, env: { PATH: process.env['PATH'] ?? '', APT_CONFIG: join(apt, 'apt.conf') } }
  await run('apt-get', ['-q', 'update'], options)
  await run('apt-get', ['-q', 'download', 'rclone'], options)
  const archive = (await readdir(directory)).find((name) => name.endsWith('.deb')) ?? ''
  await run('dpkg-deb', ['-x', archive, '.'], options)
  await rm(apt, { recursive: true })
}

async function isNewEnough(program: string): Promise<boolean> {
  const output = await run(program, ['version']).catch(() => undefined)
  const match = /rclone v(\d+)\.(\d+)/.exec(output?.stdout ?? '')
  return match !== null && (Number(match[1]) > 1 || Number(match[2]) >= RCLONE_MINOR_MIN)
}

/** The archive that this machine's apt takes Debian's packages from. */
async function debianMirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'])
  const uris = stdout
    .split('\n')
    .filter((line) => line.startsWith('Debian '))
    .map((line) => line.slice('Debian '.length))
  const mirror = uris.find((uri) => !uri.includes('security'))
  if (mirror === undefined) throw new Error("Cannot find a Debian mirror in apt's configuration: set HOTBUCKET_TEST_DEBIAN_MIRROR")
  return mirror
}

function stringEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

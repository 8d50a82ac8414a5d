import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'

const INSTALL_TIMEOUT_MS = 10 * 60_000

/** What the package depends on besides Python itself. */
const PACKAGES = [
  'awscli',
  ...['awscrt', 'colorama', 'dateutil', 'distro', 'docutils', 'jmespath', 'prompt-toolkit', 'pyasn1', 'roman'].map(
    (name) => `python3-${name}`,
  ),
  ...['ruamel.yaml', 'ruamel.yaml.clib', 'six', 'urllib3', 'wcwidth'].map((name) => `python3-${name}`),
]

/**
 * The AWS CLI of this Debian's own archive, which is version 2 since bookworm; on PyPI there is only version 1. Its packages are unpacked
 * beside the other clients, and the machine stays as it is. Rejects where apt has none of them.
 */
export async function awsCli2(directory: string): Promise<string> {
  const program = join(directory, 'aws2')
  if (await isVersion2(program)) return program
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, cwd: directory }
  const words = ['-q', ...(process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []), 'download', ...PACKAGES]
  await run('apt-get', words, options)
  for (const name of await readdir(directory)) if (name.endsWith('.deb')) await run('dpkg-deb', ['-x', name, '.'], options)
  const libraries = join(directory, 'usr', 'lib', 'python3', 'dist-packages')
  // As the package does when it is installed; otherwise every call of it would compile what it loads.
  await run('/usr/bin/python3', ['-m', 'compileall', '-q', libraries], options)
  await writeFile(program, `#!/bin/sh\nPYTHONPATH=${libraries} exec /usr/bin/python3 ${join(directory, 'usr', 'bin', 'aws')} "$@"\n`)
  await chmod(program, 0o755)
  if (!(await isVersion2(program))) throw new Error("Cannot install the AWS CLI version 2: this Debian's package is another one")
  return program
}

async function isVersion2(program: string): Promise<boolean> {
  const output = await run(program, ['--version']).catch(() => undefined)
  return output?.stdout.startsWith('aws-cli/2.') === true
}

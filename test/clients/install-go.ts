import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandOptions, run } from './command.ts'

const INSTALL_TIMEOUT_MS = 30 * 60_000

/** A program out of a Go module, built once into `directory`: its path. */
export async function goProgram(directory: string, module: string): Promise<string> {
  const [path = '', version = ''] = module.split('@')
  const program = join(directory, 'bin', path.split('/').at(-1) ?? '')
  const stamp = `${program}.version`
  if ((await readFile(stamp, 'utf8').catch(() => '')) === version) return program
  await run('go', ['install', module], goOptions(directory))
  await writeFile(stamp, version)
  return program
}

/**
 * A program that a Go module carries as one source file behind a build tag, built once: its path. The file is taken as it is but for its
 * first line, the tag.
 */
export async function goProgramOfFile(directory: string, module: string, file: string): Promise<string> {
  const [path = '', version = ''] = module.split('@')
  const home = join(directory, path.replaceAll(/[^\w.-]/g, '-'), version)
  const program = join(home, 'program')
  const built = await access(program).then(
    () => true,
    () => false,
  )
  if (built) return program
  await mkdir(home, { recursive: true })
  const { stdout } = await run('go', ['mod', 'download', '-json', module], goOptions(directory))
  const { Dir = '' } = JSON.parse(stdout) as { Dir?: string }
  const source = await readFile(join(Dir, file), 'utf8')
  await writeFile(join(home, 'main.go'), source.slice(source.indexOf('\n')))
  await copyFile(join(Dir, 'go.sum'), join(home, 'go.sum'))
  await writeFile(join(home, 'go.mod'), `module program\n\nrequire ${path} ${version}\n`)
  const options = { ...goOptions(directory), cwd: home }
  await run('go', ['mod', 'tidy'], options)
  await run('go', ['build', '-o', 'program', '.'], options)
  return program
}

function goOptions(directory: string): CommandOptions {
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  return { timeoutMs: INSTALL_TIMEOUT_MS, env: { ...env, GOBIN: join(directory, 'bin'), GOFLAGS: '-buildvcs=false -modcacherw' } }
}

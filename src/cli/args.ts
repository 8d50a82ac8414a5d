import { Command, CommanderError, Option } from 'commander'
import type { FlagValues } from '../config/gather.ts'
import type { OptionKind } from '../config/option.ts'
import { OPTION_ROWS, type OptionRow } from '../config/option-rows.ts'
import { DEMO_FLAGS, DEMO_LISTEN } from './demo/demo-options.ts'
import type { DiskTask } from './disk.ts'

type CommandName = 'serve' | 'check' | 'demo'

/** What a command line says. */
export type ParsedArgs =
  | {
      readonly kind: 'run'
      readonly command: CommandName
      /** `--config`. */
      readonly file: string | undefined
      /** Options of the configuration, by key. */
      readonly flags: FlagValues
      /** The command's own options, by flag name, as they were written; true for those without a value. */
      readonly own: Readonly<Record<string, string | true>>
    }
  | { readonly kind: 'disk'; readonly task: DiskTask; readonly directory: string }
  /** Help or the version: for standard output, exit code 0. */
  | { readonly kind: 'print'; readonly text: string }
  /** For standard error, exit code 2. */
  | { readonly kind: 'usage'; readonly text: string }

interface OwnOption {
  readonly flag: string
  /** What stands for the value in the help; undefined: the flag has none. */
  readonly value: string | undefined
  readonly doc: string
}

interface CommandSpec {
  readonly name: CommandName
  readonly doc: string
  readonly takesFile: boolean
  readonly takes: (row: OptionRow) => boolean
  /** Defaults of this command that are not those of the configuration, by key. */
  readonly defaults?: Readonly<Record<string, string>>
  readonly own: readonly OwnOption[]
}

/** Of the configuration, a demo only lets these be changed: the rest is what it demonstrates. */
const DEMO_OPTIONS = ['listen', 'admin', 'memory', 'mode']

const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'serve',
    doc: 'Run the proxy until SIGTERM or SIGINT.',
    takesFile: true,
    takes: () => true,
    own: [],
  },
  {
    name: 'check',
    doc: 'Check the configuration, print it as it would be used, and start nothing. Exit code 2 if it is wrong.',
    takesFile: true,
    takes: () => true,
    own: [],
  },
  {
    name: 'demo',
    doc: 'Run everything on this machine: sample data, a slow origin, the proxy, a load, and a live view.',
    takesFile: false,
    takes: (row) => DEMO_OPTIONS.includes(row.key),
    defaults: { listen: DEMO_LISTEN },
    own: DEMO_FLAGS,
  },
]

const DISK_TASKS: readonly { readonly task: DiskTask; readonly doc: string }[] = [
  { task: 'stat', doc: 'Print what is in the directory of a disk cache: segments, records, bytes. Also while it is in use.' },
  { task: 'verify', doc: 'Read every record of a disk cache that is not in use and compare its checksums. Exit code 1 if one is wrong.' },
]

const PLACEHOLDERS: Readonly<Record<OptionKind, string>> = {
  size: 'SIZE',
  duration: 'DURATION',
  integer: 'N',
  number: 'NUMBER',
  boolean: '',
  text: 'TEXT',
  word: 'WORD',
  address: 'HOST:PORT',
  mode: 'MODE',
  path: 'FILE',
  directory: 'DIR',
  location: 'URL|DIR',
  url: 'URL',
}

/** Reads a command line without the program's name. Never writes and never exits. */
export function parseArgs(argv: readonly string[], version: string): ParsedArgs {
  let text = ''
  let parsed: ParsedArgs | undefined
  const write = (part: string): void => {
    text += part
  }
  const program = new Command('hotbucket')
    .description('An S3-compatible hot cache proxy')
    .version(`hotbucket ${version}`, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this help.')
    .helpCommand('help [command]', 'Print the help of a command.')
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write })
  program
    .command('version')
    .description('Print the version.')
    .action(() => {
      parsed = { kind: 'print', text: `hotbucket ${version}\n` }
    })
  const disk = program.command('disk').description('Look into a disk cache, offline.').helpOption('-h, --help', 'Print this help.')
  for (const { task, doc } of DISK_TASKS) {
    const command = disk.command(task).description(doc).helpOption('-h, --help', 'Print this help.')
    command.requiredOption('--disk <DIR>', 'Directory of the disk cache.').action(({ disk: directory }: { disk: string }) => {
      parsed = { kind: 'disk', task, directory }
    })
  }
  for (const spec of COMMANDS) {
    const command = program.command(spec.name).description(spec.doc).helpOption('-h, --help', 'Print this help.')
    const read = addOptions(command, spec)
    command.action(() => {
      parsed = { kind: 'run', command: spec.name, ...read() }
    })
  }
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? { kind: 'print', text } : { kind: 'usage', text }
  }
  return parsed ?? { kind: 'usage', text: program.helpInformation() }
}

type Given = Omit<Extract<ParsedArgs, { kind: 'run' }>, 'kind' | 'command'>

/** Adds what a command takes; gives what reads it once the command line was parsed. */
function addOptions(command: Command, spec: CommandSpec): () => Given {
  const file = new Option('--config <FILE>', 'YAML file with the configuration. Environment: HOTBUCKET_CONFIG.')
  if (spec.takesFile) command.addOption(file)
  const rows = OPTION_ROWS.filter((row) => row.flag !== undefined && spec.takes(row)).map((row) => ({
    row,
    option: optionOf(row, spec.defaults?.[row.key] ?? row.fallback),
  }))
  for (const { option } of rows) command.addOption(option)
  const own = spec.own.map(({ flag, value, doc }) => ({
    flag,
    option: new Option(`--${flag}${value === undefined ? '' : ` <${value}>`}`, doc),
  }))
  for (const { option } of own) command.addOption(option)

  const valueOf = (option: Option): unknown => {
    const name = option.attributeName()
    return command.getOptionValueSource(name) === 'cli' ? command.getOptionValue(name) : undefined
  }
  return () => ({
    file: valueOf(file) as string | undefined,
    flags: given(
      rows.map(({ row, option }) => [
        row.key,
        row.flagSets === undefined || valueOf(option) === undefined ? valueOf(option) : row.flagSets,
      ]),
    ),
    own: given(own.map(({ flag, option }) => [flag, valueOf(option)])),
  })
}

function given<T>(entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, T>> {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, T>
}

function optionOf(row: OptionRow, fallback: string | undefined): Option {
  const value = row.flagSets === undefined ? ` <${PLACEHOLDERS[row.kind]}>` : ''
  const defaults = fallback === undefined || row.flagSets !== undefined ? '' : ` Default: ${fallback}.`
  const doc = row.flagSets === false ? `Do without: ${row.doc}` : row.doc
  const option = new Option(
    `--${row.flag ?? row.key}${value}`,
    `${doc.replaceAll('`', '')}${defaults}${row.many ? ' May be repeated.' : ''}`,
  )
  if (row.many) option.argParser((next: string, previous: readonly string[] | undefined) => [...(previous ?? []), next])
  return option
}

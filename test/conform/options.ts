import { parseArgs } from 'node:util'
import { ORIGIN_NAMES, type OriginName } from '../clients/origins/test-origin.ts'
import { MODE_NAMES, type ModeName } from './modes.ts'

export interface Options {
  readonly origin: OriginName | undefined
  readonly suites: readonly string[]
  readonly modes: readonly ModeName[]
  readonly only: RegExp | undefined
  /** How hotbucket knows its clients: `mixed` knows the suite's key, and leaves others and the unsigned to the origin. */
  readonly identity: string
  readonly program: string
  readonly keep: boolean
}

const SUITE_NAMES = ['operations', 'pyarrow', 'minio-go', 'versitygw'] as const

const USAGE = `npm run conform -- [options]

  --origin NAME    ${ORIGIN_NAMES.join(', ')}; default rgw where it can run, else moto
  --suite NAMES    ${SUITE_NAMES.join(', ')}; default all
  --mode NAMES     ${MODE_NAMES.join(', ')}; default all
  --only PATTERN   only checks of the operation suite whose name matches
  --identity NAME  verified, mixed or pass-through; default mixed, so that other accounts and unsigned requests are compared, too
  --program FILE   hotbucket's entry point; default bin/hotbucket.js
  --keep           keep the directory with the logs of this run
`

export function parseOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      origin: { type: 'string' },
      suite: { type: 'string', multiple: true, default: [] },
      mode: { type: 'string', multiple: true, default: [] },
      only: { type: 'string' },
      identity: { type: 'string', default: 'mixed' },
      program: { type: 'string', default: 'bin/hotbucket.js' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  const origin = ORIGIN_NAMES.find((name) => name === values.origin)
  if (values.origin !== undefined && origin === undefined)
    throw new Error(`Cannot use origin "${values.origin}": wanted one of ${ORIGIN_NAMES.join(', ')}`)
  return {
    origin,
    suites: chosen('suite', values.suite, SUITE_NAMES),
    modes: chosen('mode', values.mode, MODE_NAMES),
    only: values.only === undefined ? undefined : new RegExp(values.only),
    identity: values.identity,
    program: values.program,
    keep: values.keep,
  }
}

/** The names that were given, several in one word with commas; all where none was. */
function chosen<Name extends string>(what: string, given: readonly string[], names: readonly Name[]): readonly Name[] {
  const asked = given.flatMap((text) => text.split(','))
  const unknown = asked.find((name) => !(names as readonly string[]).includes(name))
  if (unknown !== undefined) throw new Error(`Cannot run ${what} "${unknown}": wanted ${names.join(', ')}`)
  return asked.length === 0 ? names : names.filter((name) => asked.includes(name))
}

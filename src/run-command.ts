import type { ThreadAhead } from './worker-thread.ts'
import { startServer } from './app.ts'
import { systemClock } from './base/clock.ts'
import { parseArgs, type ParsedArgs } from './cli/args.ts'
import { serve } from './cli/serve.ts'
import type { Config } from './config/config.ts'
import type { LoadInput } from './config/load.ts'
import { thisMachine } from './machine.ts'
import { VERSION } from './version.ts'

/** Reads the command line and runs one command, of which alone is loaded what it needs. Exit codes: 0 done, 1 it failed while running, 2 the command line or configuration is wrong. */
export async function runCommandLine(argv: readonly string[], ahead?: ThreadAhead): Promise<number> {
  const parsed = parseArgs(argv, VERSION)
  switch (parsed.kind) {
    case 'print':
      process.stdout.write(parsed.text)
      return 0
    case 'usage':
      process.stderr.write(parsed.text)
      return 2
    case 'disk': {
      const { inspectDisk } = await import('./cli/disk.ts')
      const result = await inspectDisk(parsed.task, parsed.directory)
      process.stdout.write(result.stdout)
      process.stderr.write(result.stderr)
      return result.exitCode
    }
    case 'run':
      return run(parsed, ahead)
  }
}

async function run(parsed: Extract<ParsedArgs, { kind: 'run' }>, ahead?: ThreadAhead): Promise<number> {
  const directory = process.cwd()
  const input: LoadInput = { file: parsed.file, flags: parsed.flags, env: process.env, directory, machine: thisMachine() }
  const stop = stopSignal()
  const start = async (config: Config) => startServer(config, ahead)
  switch (parsed.command) {
    case 'check': {
      const { check } = await import('./cli/check.ts')
      const result = check(input)
      process.stdout.write(result.stdout)
      process.stderr.write(result.stderr)
      return result.exitCode
    }
    case 'serve':
      return serve(input, { start, stop, stderr: process.stderr })
    case 'demo': {
      const { demo } = await import('./cli/demo/command.ts')
      return demo(
        { own: parsed.own, flags: parsed.flags, directory, machine: input.machine },
        {
          start,
          around: { output: process.stdout, input: process.stdin, noColor: process.env['NO_COLOR'], stop, clock: systemClock },
        },
        process.stderr,
      )
    }
  }
}

/** Fires at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1)
      controller.abort(new Error(name))
    })
  }
  return controller.signal
}

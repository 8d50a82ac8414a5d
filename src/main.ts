import { ThreadAhead } from './worker-thread.ts'

const argv = process.argv.slice(2)
// A guess, made before the command line can be parsed: where it is wrong, the thread ends with the process, unused.
const ahead = argv[0] === 'serve' || argv[0] === 'demo' ? new ThreadAhead() : undefined
// What else there is takes longer to load than a thread to start.
const { runCommandLine } = await import('./run-command.ts')

process.exitCode = await runCommandLine(argv, ahead).catch((error: unknown) => {
  process.stderr.write(`hotbucket: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})

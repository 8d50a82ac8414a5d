import type { Config, HostPort } from '../config/config.ts'
import { secretsOf } from '../config/config.ts'
import { loadConfig, type LoadInput } from '../config/load.ts'
import { formatHostPort } from '../config/option-text.ts'
import { formatProblems } from '../config/problem.ts'
import { createLog } from '../signals/log.ts'

/** What `serve` needs of a running server. */
interface Serving {
  readonly listen: HostPort
  readonly admin: HostPort
  readonly died: Promise<Error>
  readonly notes?: readonly string[]
  close(): Promise<void>
}

interface ServeParts {
  readonly start: (config: Config) => Promise<Serving>
  /** Fires when the process is told to end. */
  readonly stop: AbortSignal
  readonly stderr: { write(text: string): unknown }
}

/**
 * `hotbucket serve`: runs until it is told to stop, then drains. Exit code 0 after a clean stop, 1 where it could not start or a
 * worker died, 2 where the configuration is wrong.
 */
export async function serve(input: LoadInput, parts: ServeParts): Promise<number> {
  const loaded = loadConfig(input)
  if (!loaded.ok) {
    parts.stderr.write(formatProblems(loaded.problems))
    return 2
  }
  const { config } = loaded
  const log = createLog({
    level: config.log.level === 'silent' ? 'silent' : 'info',
    requests: false,
    secrets: secretsOf(config),
    thread: 'main',
  })
  for (const warning of loaded.warnings) log.warn(warning)
  let code = 0
  try {
    const server = await parts.start(config)
    for (const note of server.notes ?? []) log.warn(note)
    log.info('listening', { listen: formatHostPort(server.listen), admin: formatHostPort(server.admin), pid: process.pid })
    const why = await Promise.race([stopped(parts.stop), server.died])
    if (why instanceof Error) {
      code = 1
      log.error('a data worker died', { failure: why.message })
    } else log.info('draining', { signal: why })
    await server.close()
    if (why instanceof Error) log.error('stopped because a data worker died', { failure: why.message })
    else log.info('stopped')
  } catch (error) {
    code = 1
    parts.stderr.write(`hotbucket: Cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
  }
  await log.close()
  return code
}

async function stopped(signal: AbortSignal): Promise<string> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  return signal.reason instanceof Error ? signal.reason.message : 'stop'
}

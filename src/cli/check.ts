import { formatByteSize } from '../base/byte-size.ts'
import type { Config, OriginConfig } from '../config/config.ts'
import { describeConfig } from '../config/describe.ts'
import { loadConfig, type LoadInput } from '../config/load.ts'
import { formatHostPort, formatMode } from '../config/option-text.ts'
import { formatProblems } from '../config/problem.ts'

/** What a command prints, and what it ends with. */
export interface CommandResult {
  readonly exitCode: 0 | 2
  readonly stdout: string
  readonly stderr: string
}

/**
 * `hotbucket check`: the effective configuration as YAML without secrets, with what would run in comments before it. Exit
 * code 2 and every problem on standard error if it is wrong.
 */
export function check(input: LoadInput): CommandResult {
  const result = loadConfig(input)
  if (!result.ok) return { exitCode: 2, stdout: '', stderr: formatProblems(result.problems) }
  const comments = summarize(result.config).map((line) => `# ${line}\n`)
  const warnings = result.warnings.map((warning) => `Warning: ${warning}\n`)
  return { exitCode: 0, stdout: `${comments.join('')}${describeConfig(result.config)}`, stderr: warnings.join('') }
}

/** What a configuration means, in sentences. */
function summarize(config: Config): string[] {
  const scheme = config.tls === undefined ? 'http' : 'https'
  const clients = config.clients.map((client) => client.accessKeyId)
  return [
    `S3 clients connect to ${scheme}://${formatHostPort(config.listen)}`,
    `Metrics, health and profiles are at http://${formatHostPort(config.admin)}`,
    `${formatByteSize(config.memoryBytes)} of memory hold objects; mode ${formatMode(config.mode)}, unless one of ${config.rules.length} rules says otherwise`,
    ...config.origins.map(summarizeOrigin),
    ...(config.anonymous ? ['Clients need no signature'] : []),
    ...(clients.length === 0 ? [] : [`Clients sign with ${clients.join(', ')}`]),
  ]
}

function summarizeOrigin(origin: OriginConfig): string {
  const what = `Buckets ${origin.buckets.join(', ')} come from origin "${origin.name}"`
  if (origin.kind === 'directory') return `${what}: directory ${origin.path}`
  const signed = { 'default-chain': 'signed with the AWS default chain', static: 'signed with its own key', unsigned: 'unsigned' }
  return `${what}: ${origin.url} in ${origin.region}, ${signed[origin.credentials.kind]}`
}

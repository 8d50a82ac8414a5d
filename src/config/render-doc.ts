import { OPTION_ROWS, type OptionRow } from './option-rows.ts'

/** docs/config.md, from the table of options. */
export function renderConfigDoc(): string {
  return [
    INTRODUCTION,
    ...SECTIONS.flatMap((section) => [`## ${section.title}\n`, ...section.text, '', renderTable(section)]),
    CREDENTIALS,
  ].join('\n')
}

interface Section {
  readonly title: string
  readonly text: readonly string[]
  /** Which rows belong here, by key. */
  readonly holds: (key: string) => boolean
  /** Left out of the key column. */
  readonly prefix: string
}

const under = (prefix: string) => ({ prefix, holds: (key: string) => key.startsWith(prefix) && !key.slice(prefix.length).includes('[]') })

const SECTIONS: readonly Section[] = [
  {
    title: 'Top level',
    text: ['Sections and lists of the file are in the tables below.'],
    prefix: '',
    holds: (key) => !key.includes('.') && !key.includes('[]'),
  },
  { title: 'tls', text: ['The S3 listener speaks TLS if both are there.'], ...under('tls.') },
  { title: 'origins: a list', text: ['Where objects live. At least one, here or by `origin`.'], ...under('origins[].') },
  {
    title: 'clients: a list',
    text: ['Who may ask. See "Credentials" for what happens without it. `grants` is a list of what the client may do.'],
    ...under('clients[].'),
  },
  { title: 'clients, grants: a list', text: ['At least one for every client.'], ...under('clients[].grants[].') },
  {
    title: 'rules: a list',
    text: ['Consistency modes by bucket and prefix. The first rule that matches decides; else `mode`.'],
    ...under('rules[].'),
  },
  { title: 'limits', text: ['What a client may cost.'], ...under('limits.') },
  {
    title: 'prices',
    text: ['Only for the figures of what was saved. The defaults are list prices of AWS in us-east-1.'],
    ...under('prices.'),
  },
  { title: 'log', text: ['JSON lines on standard output.'], ...under('log.') },
]

function renderTable(section: Section): string {
  const rows = OPTION_ROWS.filter((row) => section.holds(row.key))
  const withNames = rows.some((row) => row.env !== undefined)
  const head = withNames
    ? '| key | type | default | flag, variable | what it is |\n|---|---|---|---|---|'
    : '| key | type | default | what it is |\n|---|---|---|---|'
  const lines = rows.map((row) => {
    const names = withNames ? ` ${namesOf(row)} |` : ''
    return `| \`${row.key.slice(section.prefix.length)}\` | ${typeOf(row)} | ${defaultOf(row)} |${names} ${cell(row.doc)} |`
  })
  return `${[head, ...lines].join('\n')}\n`
}

function typeOf(row: OptionRow): string {
  return `${row.many ? 'list, each ' : ''}${cell(row.wanted)}${row.secret ? '; secret' : ''}`
}

function defaultOf(row: OptionRow): string {
  if (row.required) return 'required'
  if (row.fallback === undefined) return ''
  return row.fallback === '' ? '""' : `\`${row.fallback}\``
}

function namesOf(row: OptionRow): string {
  const flag = row.flag === undefined ? '' : `\`--${row.flag}\`, `
  return `${flag}\`${row.env ?? ''}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const INTRODUCTION = `# Configuration

Generated from \`src/config/schema.ts\` by \`npm run docs\`; do not edit.

Options come from a YAML file (\`--config FILE\` or \`HOTBUCKET_CONFIG\`), from environment variables and from flags.
Flags win over variables, variables over the file, the file over defaults. A list that is given replaces the list below it;
in variables, a list is written with commas. An empty variable counts as absent.

hotbucket starts only with a configuration that is right as a whole: an unknown key, a value outside its limits or a pair
that contradicts itself ends it with exit code 2 and the list of all problems. \`hotbucket check\` does the same check,
prints the effective configuration without secrets, and starts nothing.

Sizes have the units B, KiB, MiB, GiB, TiB (powers of 1,024) or KB, MB, GB, TB (powers of 1,000); durations have ms, s, m, h, d.
Paths in the file are relative to the file, paths in flags and variables to the working directory.
Access keys, secrets and tokens may be given as references: \`\${env:NAME}\` is that variable, \`file:PATH\` the content of that file.

A small file:

\`\`\`yaml
listen: 0.0.0.0:9000
memory: 8GiB
origins:
  - name: training
    url: https://s3.eu-west-1.amazonaws.com
    buckets: [training-*]
  - name: lab
    url: https://minio.lab.example:9000
    region: us-east-1
    accessKeyId: \${env:LAB_KEY}
    secretAccessKey: file:/run/secrets/lab
clients:
  - accessKeyId: reader
    secretAccessKey: \${env:READER_SECRET}
    grants:
      - bucket: training-*
        actions: [read, list]
rules:
  - bucket: training-shards
    mode: immutable
\`\`\`
`

const CREDENTIALS = `## Credentials

What hotbucket signs with, per origin, in this order:

1. \`accessKeyId\` and \`secretAccessKey\` of the origin;
2. what \`credentials\` of the origin says: \`default-chain\` (environment, shared files, SSO, web identity, container and
   instance metadata) or \`unsigned\`;
3. with \`anonymous\` on and none of \`AWS_ACCESS_KEY_ID\`, \`AWS_PROFILE\`, \`AWS_WEB_IDENTITY_TOKEN_FILE\`,
   \`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI\`, \`AWS_CONTAINER_CREDENTIALS_FULL_URI\` set: unsigned;
4. the default chain.

Who may ask hotbucket:

1. With \`clients\`, the keys listed there, each for what its grants say.
2. With \`anonymous\` on, also everybody without a signature, for everything.
3. With neither, whoever signs with the key that hotbucket itself signs with ("same key"), for the buckets of the origins
   that this key is for. The key must be known at the start: static keys of the origin, or \`AWS_ACCESS_KEY_ID\` and
   \`AWS_SECRET_ACCESS_KEY\` (and \`AWS_SESSION_TOKEN\`) without \`AWS_PROFILE\`. Origins with different keys must then serve
   different buckets. Where no key can be known, hotbucket does not start.
`

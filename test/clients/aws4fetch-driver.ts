/** aws4fetch, the signer of workers and browsers, over Node's fetch, behind the line protocol of the drivers. */
import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type Action, type ActionArgs, type Answer, need, rangeField } from './client.ts'
import { percentEncode } from './sign.ts'

/** What is used of the package. */
interface Aws4Fetch {
  readonly AwsClient: new (options: object) => {
    fetch(url: string, init?: object): Promise<Response>
    sign(url: string, init?: object): Promise<Request>
  }
}

const [endpoint = '', modulePath = '', version = ''] = process.argv.slice(2)
const { AwsClient } = (await import(modulePath)) as Aws4Fetch
const client = new AwsClient({
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'],
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'],
  region: process.env['AWS_REGION'],
  service: 's3',
  retries: 0,
})

function urlOf(bucket: string, key: string): string {
  const { protocol, host } = new URL(endpoint)
  const base = process.env['HOTBUCKET_TEST_STYLE'] === 'virtual' ? `${protocol}//${bucket}.${host}` : `${endpoint}/${bucket}`
  return `${base}/${percentEncode(key, '/')}`
}

async function ask(args: ActionArgs, init: object = {}): Promise<Response> {
  return client.fetch(urlOf(args.bucket, need(args.key, 'key')), init)
}

async function ok(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`status ${response.status}: ${(await response.text()).slice(0, 300)}`)
  return response
}

function answerOf(response: Response): Answer {
  const { headers } = response
  return {
    sizeBytes: Number(headers.get('content-length') ?? -1),
    etag: headers.get('etag') ?? '',
    cacheStatus: [headers.get('cache-status') ?? ''],
  }
}

async function get(args: ActionArgs, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await ok(await ask(args, { headers }))
  await writeFile(need(args.file, 'file'), Buffer.from(await response.arrayBuffer()))
  return answerOf(response)
}

async function conditional(args: ActionArgs): Promise<Answer> {
  const headers: Record<string, string> = {}
  if (args.ifMatch !== undefined) headers['if-match'] = args.ifMatch
  if (args.ifNoneMatch !== undefined) headers['if-none-match'] = args.ifNoneMatch
  const response = await ask(args, { headers })
  await writeFile(need(args.file, 'file'), Buffer.from(await response.arrayBuffer()))
  return { status: response.status }
}

async function presign(args: ActionArgs, method: string): Promise<Answer> {
  const url = `${urlOf(args.bucket, need(args.key, 'key'))}?X-Amz-Expires=600`
  return { url: (await client.sign(url, { method, aws: { signQuery: true } })).url }
}

const ACTIONS: Readonly<Partial<Record<Action, (args: ActionArgs) => Promise<Answer>>>> = {
  get: async (args) => get(args),
  range: async (args) => get(args, { range: rangeField(args) }),
  head: async (args) => answerOf(await ok(await ask(args, { method: 'HEAD' }))),
  conditional,
  presignGet: async (args) => presign(args, 'GET'),
  presignPut: async (args) => presign(args, 'PUT'),
  async put(args) {
    await ok(await ask(args, { method: 'PUT', body: await readFile(need(args.file, 'file')) }))
    return {}
  },
  async copy(args) {
    const source = `/${args.bucket}/${percentEncode(need(args.source, 'source'), '/')}`
    await ok(await ask(args, { method: 'PUT', headers: { 'x-amz-copy-source': source } }))
    return {}
  },
  async remove(args) {
    await ok(await ask(args, { method: 'DELETE' }))
    return {}
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { action, args } = JSON.parse(line) as { action: Action | 'version'; args: ActionArgs }
  let reply: object
  try {
    reply = { answer: action === 'version' ? { version } : await need(ACTIONS[action], action)(args) }
  } catch (error) {
    reply = { error: error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ''}` : String(error) }
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}

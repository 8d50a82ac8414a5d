import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { createLog, type Log, type LogOptions } from './log.ts'
import { recordWith } from './testing/records.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'

type Line = Readonly<Record<string, unknown>>

/** Runs `write` against a log that goes to a file, and gives the file's text. */
async function logged(t: TestContext, options: Partial<LogOptions>, write: (log: Log) => void): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'hotbucket-log-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'log')
  const fd = openSync(file, 'a')
  const log = createLog({ level: 'info', requests: true, secrets: [SECRET], fd, ...options })
  write(log)
  await log.close()
  closeSync(fd)
  return readFileSync(file, 'utf8')
}

function linesOf(text: string): Line[] {
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line)
}

test('a request is one JSON line with the words of the record', async (t) => {
  const [line, ...rest] = linesOf(
    await logged(t, { thread: 'data-0' }, (log) => log.request(recordWith({ userAgent: 'aws-cli/2' }), 1.23456)),
  )
  assert.deepEqual(rest, [])
  assert.deepEqual(line, {
    level: 'info',
    time: '2023-11-14T22:13:20.001Z',
    thread: 'data-0',
    requestId: 'id-1',
    clientAddress: '10.0.0.1',
    method: 'GET',
    operation: 'GetObject',
    bucket: 'photos',
    key: 'a/b.jpg',
    origin: 'main',
    userAgent: 'aws-cli/2',
    status: 200,
    outcome: 'memory',
    reason: 'fresh',
    bytesSent: 4096,
    bytesFromMemory: 4096,
    ttfbMs: 0.2,
    durationMs: 1.235,
    msg: 'request',
  })
})

test('other lines have the same head as request lines', async (t) => {
  const [line] = linesOf(await logged(t, { thread: 'data-0' }, (log) => log.info('started', { port: 9000, adminToken: 'hunter2hunter2' })))
  assert.deepEqual(Object.keys(line ?? {}), ['level', 'time', 'thread', 'port', 'adminToken', 'msg'])
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(line?.['adminToken'], '[redacted]')
})

test('a key is logged as text: UTF-8 decoded, control characters replaced', async (t) => {
  const key = Buffer.from('\u30ad\u30fc\n{"level":"error"}\u001b[31m', 'utf8').toString('latin1')
  const text = await logged(t, {}, (log) => log.request(recordWith({ key }), 1))
  assert.equal(text.split('\n').length, 2)
  assert.equal(linesOf(text)[0]?.['key'], '\u30ad\u30fc\ufffd{"level":"error"}\ufffd[31m')
})

test('failed requests are logged with requests switched off, as warning or error', async (t) => {
  const text = await logged(t, { requests: false }, (log) => {
    log.request(recordWith(), 1)
    log.request(recordWith({ outcome: 'failed', reason: 'origin', status: 504 }), 1)
    log.request(recordWith({ outcome: 'failed', reason: 'internal', status: 500 }), 1)
  })
  assert.deepEqual(
    linesOf(text).map(({ level }) => level),
    ['warn', 'error'],
  )
})

test('sampling keeps one in N ordinary requests and every other', async (t) => {
  const text = await logged(t, { sampleEvery: 10 }, (log) => {
    for (let i = 0; i < 100; i++) log.request(recordWith(), 1)
    for (let i = 0; i < 5; i++) log.request(recordWith({ status: 403, outcome: 'refused', reason: 'authentication' }), 1)
  })
  const lines = linesOf(text)
  assert.equal(lines.filter(({ status }) => status === 200).length, 10)
  assert.equal(lines.filter(({ status }) => status === 403).length, 5)
  assert.deepEqual(new Set(lines.map(({ sampleEvery }) => sampleEvery)), new Set([10, undefined]))
})

test('the level decides: silent says nothing, warn leaves out requests', async (t) => {
  const all = (log: Log): void => {
    log.debug('d')
    log.info('i')
    log.warn('w')
    log.error('e')
    log.request(recordWith(), 1)
  }
  assert.equal(await logged(t, { level: 'silent' }, all), '')
  assert.deepEqual(
    linesOf(await logged(t, { level: 'warn' }, all)).map(({ msg }) => msg),
    ['w', 'e'],
  )
  assert.equal(linesOf(await logged(t, { level: 'debug' }, all)).length, 5)
})

test('no secret appears in the log, whatever field of a record holds it, and every line stays JSON', async (t) => {
  const carriers = fc.constantFrom(
    SECRET,
    `/k?X-Amz-Credential=AKIA%2Fus&X-Amz-Signature=${'f'.repeat(64)}`,
    `Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=${'f'.repeat(64)}`,
    `X-Amz-Security-Token=${'f'.repeat(64)}`,
    `https://me:${'f'.repeat(64)}@origin/`,
    `Bearer ${'f'.repeat(64)}`,
    encodeURIComponent(SECRET),
  )
  const text = fc.tuple(fc.string({ unit: 'binary', maxLength: 40 }), carriers).map(([before, carrier]) => `${before} ${carrier}`)
  const facts = fc.record({
    key: text,
    userAgent: text,
    failure: text,
    bucket: text,
    method: text,
    accessKeyId: text,
    originRequestId: text,
  })
  const records = fc.sample(facts, 300)
  const written = await logged(t, {}, (log) => {
    for (const one of records) {
      log.request(recordWith({ ...one, key: Buffer.from(one.key, 'utf8').toString('latin1') }), 1)
      log.warn(one.failure, { detail: one.key, anything: one.userAgent })
    }
  })
  assert.equal(linesOf(written).length, 600)
  for (const secret of [SECRET, encodeURIComponent(SECRET), SECRET.slice(0, 12), 'f'.repeat(8)])
    assert.ok(!written.includes(secret), secret)
})

test('one request cannot make a line without bound', async (t) => {
  const long = 'x'.repeat(100_000)
  const text = await logged(t, {}, (log) =>
    log.request(recordWith({ key: long, userAgent: long, failure: long, bucket: long, method: long, accessKeyId: long }), 1),
  )
  assert.ok(text.length < 8192, `${text.length} characters`)
})

test('a full disk costs lines, which are counted, and nothing else', async () => {
  let dropped = 0
  const fd = openSync('/dev/full', 'w')
  const log = createLog({ level: 'info', requests: true, secrets: [], fd, onDrop: (lines) => (dropped += lines) })
  for (let i = 0; i < 50; i++) log.info(`line ${i}`)
  await log.close()
  closeSync(fd)
  assert.equal(dropped, 50)
})

test('lines that nobody takes are bounded, counted, and close() gives up on them', async (t) => {
  // A pipe whose reader never reads.
  const reader = spawn(process.execPath, ['-e', 'process.stdin.pause(); setInterval(() => undefined, 1000)'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  t.after(() => reader.kill('SIGKILL'))
  const pipe = reader.stdin as unknown as { readonly _handle: { readonly fd: number } }
  let dropped = 0
  const log = createLog({ level: 'info', requests: true, secrets: [], fd: pipe._handle.fd, onDrop: (lines) => (dropped += lines) })
  const line = 'x'.repeat(2000)
  for (let i = 0; i < 6000; i++) log.info(line)
  assert.ok(dropped > 3000, `${dropped} dropped`)
  const before = dropped
  await log.close()
  assert.ok(dropped > before)
  reader.kill('SIGKILL')
  await once(reader, 'exit')
})

/** Runs a script with the log module in a child process; gives its output and exit code. */
async function runScript(source: string, closeOutput: boolean): Promise<{ text: string; code: number | null }> {
  const module = new URL('./log.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '-e', source.replaceAll('LOG', module)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (closeOutput) child.stdout.destroy()
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (!closeOutput && !child.stdout.readableEnded) await once(child.stdout, 'end')
  return { text: Buffer.concat(chunks).toString('utf8'), code }
}

test('lines written right before process.exit() are not lost', async () => {
  const { text, code } = await runScript(
    `import { createLog } from 'LOG'
    const log = createLog({ level: 'info', requests: true, secrets: [] })
    for (let i = 0; i < 500; i++) log.info('line ' + i)
    process.exit(7)`,
    false,
  )
  assert.equal(code, 7)
  assert.equal(text.trimEnd().split('\n').length, 500)
})

test('a worker thread writes to standard output, whole lines, beside the main thread', async () => {
  const { text } = await runScript(
    `import { createLog } from 'LOG'
    import { Worker } from 'node:worker_threads'
    const source = "import('LOG').then(({ createLog }) => { const log = createLog({ level: 'info', requests: true, secrets: [], thread: 'w' }); for (let i = 0; i < 2000; i++) log.info('line ' + i) })"
    new Worker(source, { eval: true })
    const log = createLog({ level: 'info', requests: true, secrets: [], thread: 'm' })
    for (let i = 0; i < 2000; i++) log.info('line ' + i)`,
    false,
  )
  const lines = linesOf(text)
  for (const thread of ['m', 'w']) assert.equal(lines.filter((line) => line['thread'] === thread).length, 2000)
})

test('a reader that is gone ends neither the process nor its exit', async () => {
  const { code } = await runScript(
    `import { createLog } from 'LOG'
    const log = createLog({ level: 'info', requests: true, secrets: [] })
    for (let i = 0; i < 500; i++) log.info('line ' + i)
    setTimeout(() => { log.info('later'); process.exit(3) }, 50)`,
    true,
  )
  assert.equal(code, 3)
})

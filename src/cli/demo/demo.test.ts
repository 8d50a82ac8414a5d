import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, afterEach, before, beforeEach, test } from 'node:test'

import { systemClock } from '../../base/clock.ts'
import type { LinkConfig } from '../../config/config.ts'
import { allocateRegistry } from '../../signals/registry.ts'
import { resolveDemoOptions, type DemoOptions } from './demo-options.ts'
import { runDemo } from './demo.ts'
import type { RunningServer, StartServer } from './ports.ts'

let directory = ''
let output: FakeTerminal
let input: FakeKeyboard
let links: LinkConfig[] = []
let closed = 0
let stop: AbortController
let died: PromiseWithResolvers<Error>

/** A terminal of 100 columns that remembers what was written and tells who waits for it. */
class FakeTerminal {
  text = ''
  isTTY = false
  readonly columns = 100
  readonly rows = 40
  #waiting: { readonly wanted: RegExp; readonly found: () => void } | undefined

  write(text: string): boolean {
    this.text += text
    if (this.#waiting !== undefined && this.#waiting.wanted.test(this.text)) this.#waiting.found()
    return true
  }

  async shows(wanted: RegExp): Promise<void> {
    if (wanted.test(this.text)) return
    await new Promise<void>((found) => (this.#waiting = { wanted, found }))
  }
}

class FakeKeyboard extends PassThrough {
  isTTY = false
  raw = false

  setRawMode(raw: boolean): void {
    this.raw = raw
  }
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hotbucket-demo-'))
})

beforeEach(() => {
  output = new FakeTerminal()
  input = new FakeKeyboard()
  links = []
  closed = 0
  stop = new AbortController()
  died = Promise.withResolvers()
})

afterEach(() => {
  assert.equal(closed, 1, 'the server was closed once')
  assert.equal(input.listenerCount('data'), 0)
})

after(async () => {
  await rm(directory, { recursive: true, force: true })
})

function optionsOf(own: Record<string, string>): DemoOptions {
  const result = resolveDemoOptions({
    own: { objects: '20', rate: 'max', ...own },
    flags: { listen: '127.0.0.1:0', admin: '127.0.0.1:0' },
    directory,
    machine: { memoryBytes: 8 * 1024 ** 3, cores: 2, sharesPorts: true },
  })
  assert.ok(result.ok)
  return result.options
}

/** A server of files; `spoil` may change what is sent. */
function serverOf(root: string, spoil: (bytes: Buffer) => void): StartServer {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const file = await readFile(join(root, decodeURIComponent(request.url ?? '')))
    const range = /^bytes=(\d*)-(\d+)$/.exec(request.headers.range ?? '')
    const start = range === null ? 0 : range[1] === '' ? Math.max(0, file.length - Number(range[2])) : Number(range[1])
    const end = range === null || range[1] === '' ? file.length : Number(range[2]) + 1
    spoil(file)
    const contentRange = range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${file.length}` }
    response.writeHead(range === null ? 200 : 206, { 'content-length': end - start, ...contentRange })
    response.end(request.method === 'HEAD' ? undefined : file.subarray(start, end))
  }
  return async () => {
    const server = createServer((request, response) => void answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const running: RunningServer = {
      listen: at,
      admin: at,
      metrics: [allocateRegistry()],
      died: died.promise,
      setLink: (origin, link) => {
        assert.equal(origin, 'sample-data')
        links.push(link)
      },
      close: async () => {
        closed++
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
    return running
  }
}

async function run(options: DemoOptions, spoil: (bytes: Buffer) => void = () => undefined): Promise<number> {
  const around = { output, input, noColor: undefined, stop: stop.signal, clock: systemClock }
  return runDemo(options, serverOf(options.dataDirectory, spoil), around)
}

test('runDemo() ends by itself with a summary and exit code 0', async () => {
  assert.equal(await run(optionsOf({ for: '4s' })), 0)
  assert.match(output.text, /Sample data: 20 objects/)
  assert.ok(existsSync(join(optionsOf({}).dataDirectory, 'scratch')), 'there is a bucket to write to')
  assert.match(output.text, /aws --endpoint-url http:\/\/127\.0\.0\.1:\d+ s3 ls/)
  assert.match(output.text, /reads +[\d,]+ signed reads, 0 wrong, 0 failed/)
  assert.ok(!output.text.includes('\u001B'))
})

test('runDemo() ends with exit code 1 where bytes were wrong', async () => {
  const code = await run(optionsOf({ for: '4s' }), (bytes) => bytes.fill(0))
  assert.equal(code, 1)
  // The line is cut at the width of the view, so a long key leaves no room for all of the reason.
  assert.match(output.text, /signed reads, [1-9][\d,]* wrong, 0 failed/)
  assert.match(output.text, /last problem +GET \S+/)
})

test('runDemo() on a terminal draws in place, obeys keys, and gives the terminal back', async () => {
  output.isTTY = true
  input.isTTY = true
  const code = run(optionsOf({}))
  await output.shows(/hit ratio/)
  assert.equal(input.raw, true)
  input.write('+')
  input.write(']')
  await output.shows(/80 ms, 100 MB\/s/)
  // A demo that has read nothing is no success.
  await output.shows(/[1-9][\d,]* signed reads/)
  input.write('p')
  await output.shows(/paused/)
  input.write('q')
  assert.equal(await code, 0)
  assert.deepEqual(links, [
    { latencyMs: 80, bytesPerSecond: 50e6 },
    { latencyMs: 80, bytesPerSecond: 100e6 },
  ])
  assert.equal(input.raw, false)
  assert.ok(output.text.lastIndexOf('\u001B[?25h') > output.text.lastIndexOf('\u001B[?25l'))
})

test('runDemo() ends when the process is told to stop', async () => {
  const code = run(optionsOf({}))
  await output.shows(/aws --endpoint-url/)
  stop.abort()
  await code
  assert.match(output.text, /hotbucket demo: 0:0/)
})

test('runDemo() ends with exit code 1 and the reason where the server dies', async () => {
  const code = run(optionsOf({}))
  await output.shows(/aws --endpoint-url/)
  died.resolve(new Error('out of memory'))
  assert.equal(await code, 1)
  assert.match(output.text, /The demo ended early: out of memory/)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import { PeerGone, PeerLink, type PeerLinkOptions } from './peer-link.ts'

type Link = PeerLink<string, string, string>
type Handlers = Partial<Pick<PeerLinkOptions<string, string, string>, 'onNote' | 'onAsk'>>

const COMMON = {
  pack: (error: unknown) => (error instanceof Error ? error.message : String(error)),
  unpack: (failure: unknown) => new Error(`unpacked: ${String(failure)}`),
}

function optionsOf(handlers: Handlers): Omit<PeerLinkOptions<string, string, string>, 'ports'> {
  return {
    ...COMMON,
    onNote: handlers.onNote ?? (() => assert.fail('a note came')),
    onAsk: handlers.onAsk ?? (async () => assert.fail('a question came')),
  }
}

/** Two linked ends on this thread, over a real channel: worker 0 and worker 1. */
function pair(context: TestContext, zero: Handlers, one: Handlers): [Link, Link] {
  const { port1, port2 } = new MessageChannel()
  const links: [Link, Link] = [
    new PeerLink({ ...optionsOf(zero), ports: [undefined, port1] }),
    new PeerLink({ ...optionsOf(one), ports: [port2, undefined] }),
  ]
  context.after(() => links.forEach((link) => link.close()))
  return links
}

test('ask() gives the answer of the other worker, each question its own, however late they come', async (t) => {
  const gates = new Map<string, PromiseWithResolvers<string>>()
  const [zero] = pair(t, {}, { onAsk: async (from, question) => gateOf(gates, `${from} ${question}`).promise })
  const first = zero.ask(1, 'first')
  const second = zero.ask(1, 'second')
  gateOf(gates, '0 second').resolve('for the second')
  assert.equal(await second, 'for the second')
  assert.equal(zero.waiting, 1)
  gateOf(gates, '0 first').resolve('for the first')
  assert.equal(await first, 'for the first')
  assert.equal(zero.waiting, 0)
})

function gateOf(gates: Map<string, PromiseWithResolvers<string>>, name: string): PromiseWithResolvers<string> {
  const gate = gates.get(name) ?? Promise.withResolvers<string>()
  gates.set(name, gate)
  return gate
}

test('ask() rejects with what the other worker threw, packed and unpacked', async (t) => {
  const [zero] = pair(t, {}, { onAsk: async () => Promise.reject(new Error('no such thing')) })
  await assert.rejects(zero.ask(1, 'x'), /unpacked: no such thing/)
})

test('notes arrive in the order in which they were sent, before questions that were asked after them', async (t) => {
  const seen: string[] = []
  const [zero] = pair(t, {}, { onNote: (_from, note) => seen.push(note), onAsk: async (_from, question) => `${seen.join()} ${question}` })
  for (let i = 0; i < 100; i++) zero.note(1, String(i))
  const expected = Array.from({ length: 100 }, (_, i) => i).join()
  assert.equal(await zero.ask(1, 'last'), `${expected} last`)
})

test('both ends ask at once without waiting for each other', async (t) => {
  const links = pair(
    t,
    { onAsk: async (_from, question) => links[0].ask(1, question) },
    { onAsk: async (_from, question) => `echo ${question}` },
  )
  assert.equal(await links[1].ask(0, 'there and back'), 'echo there and back')
})

test('a worker that is closed rejects what waits for it and what is asked later', async (t) => {
  const asked = Promise.withResolvers<void>()
  const [zero, one] = pair(
    t,
    {},
    {
      onAsk: async () => {
        asked.resolve()
        return new Promise(() => undefined)
      },
    },
  )
  const hanging = zero.ask(1, 'never answered')
  await asked.promise
  one.close()
  await assert.rejects(hanging, PeerGone)
  await assert.rejects(zero.ask(1, 'too late'), PeerGone)
  await assert.rejects(zero.ask(0, 'oneself'), PeerGone)
  zero.note(1, 'to nobody')
  assert.equal(zero.waiting, 0)
})

test('a thread answers, and what waits for it is rejected when it dies', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const source = `
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(({ PeerLink }) => {
      new PeerLink({
        ports: [workerData.port, undefined],
        onNote: () => process.exit(7),
        onAsk: async (from, question) => question === 'hang' ? new Promise(() => undefined) : from + ' says ' + question,
        pack: String,
        unpack: (failure) => new Error(failure),
      })
    })`
  const worker = new Worker(source, {
    eval: true,
    workerData: { port: port2, module: new URL('./peer-link.ts', import.meta.url).href },
    transferList: [port2],
  })
  const exited = once(worker, 'exit')
  const link = new PeerLink<string, string, string>({ ...optionsOf({}), ports: [undefined, port1] })
  t.after(() => link.close())
  assert.equal(await link.ask(1, 'hello'), '0 says hello')
  const hanging = link.ask(1, 'hang')
  link.note(1, 'die')
  await assert.rejects(hanging, PeerGone)
  assert.deepEqual(await exited, [7])
})

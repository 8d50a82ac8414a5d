import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { createCredentialSource, RefreshedCredentials, type LoadedCredentials } from './credentials.ts'
import { OriginFailure } from './origin.ts'

const START_MS = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000

/** A provider whose every answer the test gives. */
class Provider {
  calls = 0
  #pending: PromiseWithResolvers<LoadedCredentials>[] = []

  readonly load = (): Promise<LoadedCredentials> => {
    this.calls += 1
    const pending = Promise.withResolvers<LoadedCredentials>()
    this.#pending.push(pending)
    return pending.promise
  }

  give(accessKeyId: string, expiresMs?: number): void {
    this.#pending
      .shift()
      ?.resolve({ accessKeyId, secretAccessKey: 's', ...(expiresMs === undefined ? {} : { expiration: new Date(expiresMs) }) })
  }

  fail(message: string): void {
    this.#pending.shift()?.reject(new Error(message))
  }
}

test('createCredentialSource() gives static keys as they are and none for unsigned', async () => {
  const clock = new ManualClock(START_MS)
  const keys = { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: undefined }
  assert.deepEqual(await createCredentialSource({ kind: 'static', ...keys }, clock).get(), keys)
  assert.equal(await createCredentialSource({ kind: 'unsigned' }, clock).get(), undefined)
})

test('RefreshedCredentials asks once for many requests and keeps what does not expire', async () => {
  const provider = new Provider()
  const clock = new ManualClock(START_MS)
  const source = new RefreshedCredentials(provider.load, clock)
  const many = [source.get(), source.get(), source.get()]
  provider.give('one')
  for (const credentials of await Promise.all(many)) assert.equal(credentials.accessKeyId, 'one')
  clock.advance(1000 * HOUR_MS)
  assert.equal((await source.get()).accessKeyId, 'one')
  assert.equal(provider.calls, 1)
})

test('RefreshedCredentials refreshes before expiry without making anyone wait', async () => {
  const provider = new Provider()
  const clock = new ManualClock(START_MS)
  const source = new RefreshedCredentials(provider.load, clock)
  const first = source.get()
  provider.give('one', START_MS + HOUR_MS)
  await first
  clock.advance(HOUR_MS - 4 * 60_000)
  assert.equal((await source.get()).accessKeyId, 'one')
  assert.equal((await source.get()).accessKeyId, 'one')
  assert.equal(provider.calls, 2)
  provider.give('two', START_MS + 2 * HOUR_MS)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await source.get()).accessKeyId, 'two')
})

test('RefreshedCredentials waits for new ones where the old ones are about to end', async () => {
  const provider = new Provider()
  const clock = new ManualClock(START_MS)
  const source = new RefreshedCredentials(provider.load, clock)
  const first = source.get()
  provider.give('one', START_MS + HOUR_MS)
  await first
  clock.advance(HOUR_MS - 1_000)
  const second = source.get()
  provider.give('two', START_MS + 2 * HOUR_MS)
  assert.equal((await second).accessKeyId, 'two')
})

test('RefreshedCredentials tells why there are none, and asks again only after a while', async () => {
  const provider = new Provider()
  const clock = new ManualClock(START_MS)
  const source = new RefreshedCredentials(provider.load, clock)
  const failed = (error: unknown): boolean => {
    assert.ok(error instanceof OriginFailure)
    assert.equal(error.kind, 'credentials')
    assert.match(error.message, /^Cannot get credentials .*: no provider has any$/)
    return true
  }
  const first = source.get()
  provider.fail('no provider has any')
  await assert.rejects(first, failed)
  await assert.rejects(source.get(), failed)
  assert.equal(provider.calls, 1)
  clock.advance(5_000)
  const later = source.get()
  provider.give('late')
  assert.equal((await later).accessKeyId, 'late')
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Agent, request } from 'undici'
import { startHotbucket, type HotbucketProcess } from '../support/hotbucket-process.ts'
import { MemoryOrigin } from '../support/memory-origin.ts'

const MIB = 1024 * 1024
const OBJECTS = 60

/** A small file system of its own, or why there is none: only root may mount. */
async function mountSmall(t: TestContext, sizeMiB: number): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'hotbucket-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    t.diagnostic('no file system could be mounted: a disk that fails is tested with faults alone (disk-cache.test.ts)')
    await rm(path, { recursive: true })
    return undefined
  }
  t.after(async () => {
    execFileSync('umount', ['--lazy', path])
    await rm(path, { recursive: true, force: true })
  })
  return path
}

interface Serving {
  readonly hotbucket: HotbucketProcess
  /** Reads every object and compares it; counts those that the disk answered. */
  readonly readAll: () => Promise<number>
}

async function serveFrom(t: TestContext, directory: string, diskMax: string): Promise<Serving> {
  const origin = new MemoryOrigin()
  const url = await origin.start()
  for (let i = 0; i < OBJECTS; i++) origin.putPattern(`/bucket/key-${i}`, MIB / 2 + i)
  const disk = ['--disk', directory, '--disk-max', diskMax]
  const args = ['--origin', url, '--anonymous', '--memory', '16MiB', '--workers', '1', '--mode', 'immutable', '--no-request-log', ...disk]
  const hotbucket = await startHotbucket(args, { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' })
  const dispatcher = new Agent({ connections: 4 })
  t.after(async () => {
    await dispatcher.close()
    await hotbucket.stop()
    await origin.stop()
  })
  const readAll = async (): Promise<number> => {
    let fromDisk = 0
    for (let i = 0; i < OBJECTS; i++) {
      const path = `/bucket/key-${i}`
      const answer = await request(`${hotbucket.endpoint}${path}`, { dispatcher })
      const bytes = Buffer.from(await answer.body.arrayBuffer())
      assert.equal(answer.statusCode, 200)
      assert.ok(bytes.equals(origin.objects.get(path)?.read(0, bytes.length) ?? Buffer.alloc(0)), path)
      if (answer.headers['cache-status'] === 'hotbucket; hit; detail=disk') fromDisk++
    }
    return fromDisk
  }
  return { hotbucket, readAll }
}

async function troubleOf({ admin }: HotbucketProcess): Promise<string> {
  const answer = await request(`${admin}/healthz/ready`)
  const { disk } = (await answer.body.json()) as { disk?: { trouble: string } }
  assert.equal(answer.statusCode, 200, 'a sick disk is no reason to send clients elsewhere')
  return disk?.trouble ?? 'absent'
}

/** Reads until the health answer says so. */
async function readUntil({ hotbucket, readAll }: Serving, isIt: (trouble: string) => boolean): Promise<string> {
  for (;;) {
    await readAll()
    const trouble = await troubleOf(hotbucket)
    if (isIt(trouble)) return trouble
  }
}

test('a file system that is too small for the cap is filled and no further, and no client notices', async (t) => {
  const path = await mountSmall(t, 32)
  if (path === undefined) return
  const serving = await serveFrom(t, join(path, 'cache'), '1GiB')
  for (let round = 0; round < 4; round++) await serving.readAll()
  assert.ok((await serving.readAll()) > 0, 'what fits is served from there')
})

// A file system cannot be made read-only under files that are open for writing; what then happens is tested with faults (disk-cache.test.ts).

test('a file system that others fill up costs hits, never a request, and the cache is back when there is room', async (t) => {
  const path = await mountSmall(t, 64)
  if (path === undefined) return
  const serving = await serveFrom(t, join(path, 'cache'), '48MiB')
  await serving.readAll()
  assert.throws(() => execFileSync('dd', ['if=/dev/zero', `of=${join(path, 'others')}`, 'bs=1M'], { stdio: 'ignore' }), 'until it is full')
  for (let round = 0; round < 3; round++) await serving.readAll()
  await rm(join(path, 'others'))
  await readUntil(serving, (trouble) => trouble === 'none')
  await serving.readAll()
  assert.ok((await serving.readAll()) > 0)
})

test('a file system that is read-only at the start is gone without, and said to be so', async (t) => {
  const path = await mountSmall(t, 64)
  if (path === undefined) return
  const before = await serveFrom(t, join(path, 'cache'), '24MiB')
  await before.readAll()
  await before.hotbucket.stop()
  execFileSync('mount', ['-o', 'remount,ro', path])
  const serving = await serveFrom(t, join(path, 'cache'), '24MiB')
  assert.equal(await serving.readAll(), 0)
  assert.match(await troubleOf(serving.hotbucket), /EROFS/)
})

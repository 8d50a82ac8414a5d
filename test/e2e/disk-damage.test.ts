import assert from 'node:assert/strict'
import { cp, open, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../../src/base/random.ts'
import { withDirectory } from '../../src/cache/disk/testing/disk-harness.ts'
import { startInProcess } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { assertSameBytes, patterned, S3Client } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const CASES = 30
const SIZES = [0, 1000, 4096, 70_000, MIB / 2, MIB, 2 * MIB + 17] as const

/** One thing that happens to a file of a disk cache. */
type Damage = (path: string, others: readonly string[], random: () => number) => Promise<void>

const DAMAGES: Readonly<Record<string, Damage>> = {
  'flipped bits': async (path, _others, random) => {
    const { size } = await stat(path)
    for (let flips = 1 + Math.floor(random() * 20); flips > 0 && size > 0; flips--) {
      await overwrite(path, Math.floor(random() * size), Buffer.of(Math.floor(random() * 256)))
    }
  },
  'a truncated file': async (path, _others, random) => truncate(path, Math.floor(random() * (await stat(path)).size)),
  zeros: async (path, _others, random) => {
    const { size } = await stat(path)
    const start = Math.floor(random() * size)
    await overwrite(path, start, Buffer.alloc(Math.min(size - start, 300_000)))
  },
  'two files exchanged': async (path, others, random) => {
    const other = others[Math.floor(random() * others.length)] ?? path
    await rename(path, `${path}.x`)
    if (other !== path) await rename(other, path)
    await rename(`${path}.x`, other)
  },
  'a foreign file': async (path, _others, random) => writeFile(path, Buffer.alloc(300_000, Math.floor(random() * 256))),
  'a file that is gone': async (path) => rm(path),
}

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.length, position)
  await file.close()
}

test(`a disk cache whose files are damaged in ${CASES} ways gives out no wrong byte`, async (t) =>
  withDirectory(async (directory) => {
    const seed = Math.floor(Math.random() * 1e9)
    t.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const { store, origin } = storeOrigin()
    const proxyOn = async (path: string) =>
      startInProcess({ origin, mode: { kind: 'immutable' }, memoryBytes: 32 * MIB, disk: { directory: path } })
    for (const [i, size] of [...SIZES, ...SIZES].entries()) store.put(`bucket/key-${i}`, patterned(size + i))
    const filled = await proxyOn(directory)
    for (const path of store.objects.keys()) await new S3Client(filled).get(`/${path}`)
    await filled.close()
    origin.takeAsked()

    let asked = 0
    for (let one = 0; one < CASES; one++) {
      const copy = `${directory}-${one}`
      await cp(directory, copy, { recursive: true })
      const names = (await readdir(copy, { recursive: true }))
        .filter((name) => /segment-|tombstones|epochs/.test(name))
        .map((name) => join(copy, name))
      const [what, damage] = Object.entries(DAMAGES)[one % Object.keys(DAMAGES).length] ?? []
      assert.ok(damage !== undefined)
      await damage(names[Math.floor(random() * names.length)] ?? '', names, random)
      const proxy = await proxyOn(copy)
      const client = new S3Client(proxy)
      for (const [path, { bytes }] of store.objects) {
        const answer = await client.get(`/${path}`)
        assert.equal(answer.status, 200, `${what}, seed ${seed}, case ${one}`)
        assertSameBytes(answer.body, bytes, `${what}, seed ${seed}, case ${one}`)
      }
      await proxy.close()
      asked += origin.takeAsked().length
      await rm(copy, { recursive: true })
    }
    assert.ok(
      asked > 0 && asked < (CASES * store.objects.size) / 2,
      `${asked} questions to the origin: damage is a miss, and the rest is not`,
    )
  }))

import { readFile, writeFile } from 'node:fs/promises'
import { curlUrl, withoutSignature } from '../adapters/curl.ts'
import { type Specimen, bodyOf, keySpecimens, sizeSpecimens, specimen } from '../corpus.ts'
import type { Checks } from './checks.ts'

const MIB = 1024 * 1024

/** Writes: after each one the origin has the bytes, and the next read through hotbucket shows them. */
export async function checkWrites(checks: Checks): Promise<void> {
  for (const one of [...sizeSpecimens('put/', 5 * MIB), ...keySpecimens('put/')]) await checkPut(checks, 'put', one)
  await checkPut(checks, 'multipart', specimen('20 MiB in parts', 'multipart/20.bin', 20 * MIB))
  await checkPut(checks, 'multipart', specimen('16 MiB+1 in parts', 'multipart/part edge+.bin', 16 * MIB + 1))
  await checkPresignedPut(checks)
  await checkOverwrite(checks, 'same size', 4096, 4096)
  await checkOverwrite(checks, 'grows', MIB + 1, 5 * MIB)
  await checkOverwrite(checks, 'shrinks', 20 * MIB, 1)
  await checkOverwrite(checks, 'by parts', 5 * MIB, 17 * MIB)
  await checkCopies(checks)
  await checkRemove(checks)
  await checkRemoveMany(checks)
}

async function checkPut(checks: Checks, action: 'put' | 'multipart', { label, key, body }: Specimen): Promise<void> {
  await checks.check(action, label, { action, args: checks.args({ key }) }, async () => {
    await checks.write(action, key, body)
    await checks.expectStored(key, body)
    if (readable(checks, key)) await checks.read('get', { key }, body)
  })
}

async function checkPresignedPut(checks: Checks): Promise<void> {
  const key = 'presigned/put it+.bin'
  const args = checks.args({ key })
  await checks.check('presign', 'PUT', { action: 'presignPut', args }, async () => {
    const { url = '' } = await checks.context.session.act('presignPut', args)
    for (const body of [bodyOf('presigned 1', 10_000), bodyOf('presigned 2', 2 * MIB)]) {
      const file = checks.newFile()
      await writeFile(file, body)
      const reply = checks.newFile()
      const { status } = await curlUrl(url, reply, ['-T', file, '-o', reply], {
        home: checks.context.workDirectory,
        caFile: checks.context.caFile,
      })
      if (status !== 200)
        throw new Error(`PUT to the presigned URL: status ${status} ${await readFile(reply, 'utf8')}\n${withoutSignature(url)}`)
      await checks.expectStored(key, body)
    }
  })
}

/** The old version is read until it is warm, so that an answer from before the write would show. */
async function checkOverwrite(checks: Checks, label: string, oldBytes: number, newBytes: number): Promise<void> {
  const old = specimen(label, `overwrite/${label}.bin`, oldBytes)
  const body = bodyOf(`overwrite ${label}`, newBytes)
  const action = label === 'by parts' ? 'multipart' : 'put'
  await checks.check('overwrite', label, { action, args: checks.args({ key: old.key }) }, async () => {
    await checks.seed([old])
    await checks.read('get', { key: old.key }, old.body)
    await checks.readWarm('get', { key: old.key }, old.body)
    await checks.write(action, old.key, body)
    await checks.read('get', { key: old.key }, body)
    await checks.expectStored(old.key, body)
    await checks.readWarm('get', { key: old.key }, body)
  })
}

async function checkCopies(checks: Checks): Promise<void> {
  const sources = [
    specimen('1 MiB+1', 'copy/source.bin', MIB + 1),
    specimen('20 MiB', 'copy/large.bin', 20 * MIB),
    ...keySpecimens('copy/'),
  ]
  for (const source of sources) {
    const target = specimen('target', `copied/${source.key}`, 5_000)
    const args = checks.args({ key: target.key, source: source.key, file: checks.newFile() })
    await checks.check('copy', source.label, { action: 'copy', args }, async () => {
      await checks.seed([source, target])
      await checks.warm(target)
      await checks.context.session.act('copy', args)
      if (readable(checks, target.key)) await checks.read('get', { key: target.key }, source.body)
      await checks.expectStored(target.key, source.body)
    })
  }
}

async function checkRemove(checks: Checks): Promise<void> {
  for (const one of [specimen('1 MiB+1', 'remove/large.bin', MIB + 1), ...keySpecimens('remove/')]) {
    await checks.check('rm', one.label, { action: 'remove', args: checks.args({ key: one.key }) }, async () => {
      await checks.seed([one])
      await checks.warm(one)
      await checks.context.session.act('remove', checks.args({ key: one.key, file: checks.newFile() }))
      await checks.expectGone(one.key)
      if (readable(checks, one.key)) await checks.expectNotFound(one.key)
    })
  }
}

async function checkRemoveMany(checks: Checks): Promise<void> {
  const { client, session } = checks.context
  const able = (key: string): boolean => client.limit('removeMany', checks.args({ keys: [key] })) === undefined
  const all = keySpecimens('many/')
  const some = all.filter((one) => able(one.key))
  const keys = (some.length === 0 ? all : some).map((one) => one.key)
  const args = checks.args({ keys, file: checks.newFile() })
  await checks.check('rm-many', `${keys.length} keys`, { action: 'removeMany', args }, async () => {
    await checks.seed(some)
    for (const one of some) await checks.warm(one)
    await session.act('removeMany', args)
    for (const one of some) await checks.expectGone(one.key)
  })
}

/** Whether the client itself can read such a key back. */
function readable(checks: Checks, key: string): boolean {
  return checks.context.client.limit('get', checks.args({ key })) === undefined
}

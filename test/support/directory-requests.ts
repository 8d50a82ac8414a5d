import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { collect, sourceOf } from '../../src/base/byte-source.ts'
import { systemClock } from '../../src/base/clock.ts'
import { headerValue, type HeaderList } from '../../src/base/header-list.ts'
import { DirectoryOrigin } from '../../src/origin/directory-origin.ts'
import type { OriginRequest } from '../../src/origin/origin.ts'
import { requestOf } from './origin-requests.ts'

/** An answer of a directory, read to its end. */
export interface DirectoryAnswer {
  readonly status: number
  readonly headers: HeaderList
  readonly text: string
  readonly etag: string | undefined
}

/** A directory origin on a fresh directory. */
export interface DirectoryFixture {
  readonly path: string
  readonly origin: DirectoryOrigin
  readonly ask: (overrides: Partial<OriginRequest>) => Promise<DirectoryAnswer>
  readonly put: (rawKey: string, content: string | Uint8Array, headers?: HeaderList) => Promise<DirectoryAnswer>
  /** Every key below a prefix, as ListObjectsV2 gives them, in pages of `pageKeys`. */
  readonly keys: (prefix?: string, pageKeys?: number) => Promise<string[]>
}

/** Makes one with the bucket `bucket` in it; removed after the test. */
export async function directoryFixture(context: TestContext): Promise<DirectoryFixture> {
  const path = await mkdtemp(join(tmpdir(), 'hotbucket-directory-'))
  context.after(() => rm(path, { recursive: true, force: true }))
  const origin = new DirectoryOrigin({ name: 'directory', path }, { clock: systemClock })
  const ask = async (overrides: Partial<OriginRequest>): Promise<DirectoryAnswer> => {
    const { status, headers, body } = await origin.send(requestOf(overrides))
    const bytes = await collect(body, 64 * 1024 * 1024)
    return { status, headers, text: Buffer.from(bytes ?? []).toString('latin1'), etag: headerValue(headers, 'etag') }
  }
  await ask({ method: 'PUT', rawKey: undefined })
  return {
    path,
    origin,
    ask,
    put: (rawKey, content, headers = []) => {
      const body = Buffer.from(content as string)
      return ask({ method: 'PUT', rawKey, headers, payload: { kind: 'unsigned' }, body: sourceOf(body), bodyLength: body.length })
    },
    keys: async (prefix = '', pageKeys = 1000) => {
      const keys: string[] = []
      for (let token: string | undefined = ''; token !== undefined;) {
        const from: string = token === '' ? '' : `&continuation-token=${token}`
        const rawQuery = `list-type=2&encoding-type=url&max-keys=${pageKeys}&prefix=${encodeURIComponent(prefix)}${from}`
        const page = await ask({ rawKey: undefined, rawQuery })
        keys.push(...[...page.text.matchAll(/<Key>([^<]*)</g)].map((match) => decodeURIComponent(match[1] ?? '')))
        token = /<NextContinuationToken>([^<]*)</.exec(page.text)?.[1]
      }
      return keys
    },
  }
}

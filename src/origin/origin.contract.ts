import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { collect, sourceOf, type ByteSource } from '../base/byte-source.ts'
import { headerValue, type HeaderList } from '../base/header-list.ts'
import { seededRandom } from '../base/random.ts'
import { BODILESS, type Origin, type OriginRequest } from './origin.ts'

/** An origin with no buckets in it. */
export interface ContractSubject {
  readonly origin: Origin
  readonly stop: () => Promise<unknown>
}

interface Answer {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Buffer
  readonly text: string
}

/** Asks the origin under test, and reads answers to their end. */
interface ContractClient {
  readonly ask: (overrides: Partial<OriginRequest>) => Promise<Answer>
  readonly put: (rawKey: string, content: string | Uint8Array, overrides?: Partial<OriginRequest>) => Promise<Answer>
}

const BODY_BYTES_MAX = 64 * 1024 * 1024
const PART_BYTES = 5 * 1024 * 1024

/** What every origin does, whichever way it reaches its objects. */
export function originContract(name: string, start: () => Promise<ContractSubject>): void {
  describe(`${name}: origin contract`, () => {
    const started = Promise.withResolvers<ContractSubject>()
    const client = clientOf(async () => (await started.promise).origin)
    before(async () => {
      started.resolve(await start())
      assert.equal((await client.ask({ method: 'PUT', rawKey: undefined })).status, 200)
    })
    after(async () => {
      const { origin, stop } = await started.promise
      await origin.close()
      await stop()
    })
    for (const [promise, keeps] of Object.entries(PROMISES)) test(promise, () => keeps(client))
  })
}

function clientOf(origin: () => Promise<Origin>): ContractClient {
  const ask: ContractClient['ask'] = async (overrides) => {
    const response = await (
      await origin()
    ).send({
      method: 'GET',
      bucket: 'contract',
      rawKey: 'key',
      rawQuery: '',
      headers: [],
      ...BODILESS,
      signal: undefined,
      ...overrides,
    })
    const body = Buffer.from((await collect(response.body, BODY_BYTES_MAX)) ?? [])
    if (response.body.length !== undefined) assert.equal(body.length, response.body.length)
    return { status: response.status, headers: response.headers, body, text: body.toString('latin1') }
  }
  const put: ContractClient['put'] = (rawKey, content, overrides = {}) => {
    const body = Buffer.from(content as string)
    return ask({ method: 'PUT', rawKey, payload: { kind: 'unsigned' }, body: inPieces(body), bodyLength: body.length, ...overrides })
  }
  return { ask, put }
}

const PROMISES: Readonly<Record<string, (client: ContractClient) => Promise<void>>> = {
  'a body comes back with its length, its ETag and its metadata': async ({ ask, put }) => {
    const written = await put('a/b/object.txt', 'hello world', { headers: ['content-type', 'text/x', 'x-amz-meta-colour', 'red'] })
    assert.equal(written.status, 200)
    const etag = `"${createHash('md5').update('hello world').digest('hex')}"`
    assert.equal(headerValue(written.headers, 'etag'), etag)
    for (const method of ['GET', 'HEAD']) {
      const read = await ask({ method, rawKey: 'a/b/object.txt' })
      assert.equal(read.status, 200)
      assert.equal(read.text, method === 'GET' ? 'hello world' : '')
      assert.equal(headerValue(read.headers, 'content-length'), '11')
      assert.equal(headerValue(read.headers, 'etag'), etag)
      assert.equal(headerValue(read.headers, 'content-type'), 'text/x')
      assert.equal(headerValue(read.headers, 'x-amz-meta-colour'), 'red')
      assert.match(headerValue(read.headers, 'last-modified') ?? '', /GMT$/)
      assert.notEqual(headerValue(read.headers, 'x-amz-request-id'), undefined)
    }
  },

  'ranges give exactly the bytes that were asked for': async ({ ask, put }) => {
    await put('ranged', '0123456789')
    for (const [range, expected, contentRange] of [
      ['bytes=0-3', '0123', 'bytes 0-3/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-4', '6789', 'bytes 6-9/10'],
      ['bytes=8-99', '89', 'bytes 8-9/10'],
    ] as const) {
      const read = await ask({ rawKey: 'ranged', headers: ['range', range] })
      assert.equal(read.status, 206, range)
      assert.equal(read.text, expected)
      assert.equal(headerValue(read.headers, 'content-range'), contentRange)
    }
    const beyond = await ask({ rawKey: 'ranged', headers: ['range', 'bytes=10-'] })
    assert.equal(beyond.status, 416)
    assert.equal(headerValue(beyond.headers, 'content-range'), 'bytes */10')
    assert.match(beyond.text, /<Code>InvalidRange<\/Code>.*<ActualObjectSize>10</)
  },

  'conditions win over ranges': async ({ ask, put }) => {
    const etag = headerValue((await put('conditional', 'abc')).headers, 'etag') ?? ''
    const status = async (...headers: string[]): Promise<number> => (await ask({ rawKey: 'conditional', headers })).status
    assert.equal(await status('if-match', etag), 200)
    assert.equal(await status('if-match', '"other"'), 412)
    assert.equal(await status('if-none-match', etag), 304)
    assert.equal(await status('if-none-match', '"other"'), 200)
    assert.equal(await status('if-modified-since', new Date(Date.now() - 1000).toUTCString(), 'if-none-match', '"other"'), 200)
    assert.equal(await status('if-match', '"other"', 'range', 'bytes=99-'), 412)
    assert.equal(await status('if-match', etag, 'range', 'bytes=0-0'), 206)
    assert.equal((await ask({ rawKey: 'conditional', headers: ['if-none-match', etag] })).text, '')
  },

  'what is not there is told in S3 XML, and to HEAD without a body': async ({ ask }) => {
    const missing = await ask({ rawKey: 'missing' })
    assert.equal(missing.status, 404)
    assert.equal(headerValue(missing.headers, 'content-type'), 'application/xml')
    assert.match(missing.text, /<Code>NoSuchKey<\/Code>/)
    assert.match(missing.text, new RegExp(`<RequestId>${headerValue(missing.headers, 'x-amz-request-id')}</RequestId>`))
    const head = await ask({ method: 'HEAD', rawKey: 'missing' })
    assert.deepEqual([head.status, head.text], [404, ''])
    assert.match((await ask({ bucket: 'no-such-bucket' })).text, /<Code>NoSuchBucket<\/Code>/)
  },

  'keys are bytes: every raw form that decodes to the same key is the same object': async ({ ask, put }) => {
    for (const rawKey of [
      'plain',
      'a%20b+c',
      'dots/../x/./y',
      'a//b',
      'dir/',
      '/lead',
      '%C3%A9%F0%9F%92%A5',
      'x%00y',
      '..',
      '~%25%3E',
      'l'.repeat(600),
    ]) {
      assert.equal((await put(rawKey, `content of ${rawKey}`)).status, 200, rawKey)
      assert.equal((await ask({ rawKey })).text, `content of ${rawKey}`)
    }
    assert.equal((await ask({ rawKey: '%70lain' })).text, 'content of plain')
    assert.equal((await ask({ rawKey: 'a%20b%2Bc' })).text, 'content of a%20b+c')
    const listed = await ask({ rawKey: undefined, rawQuery: 'list-type=2&prefix=dir&encoding-type=url' })
    assert.match(listed.text, /<Key>dir\/<\/Key>/)
  },

  'a PUT whose digests are wrong leaves the old object': async ({ ask, put }) => {
    await put('checked', 'old')
    const right = crc32Base64('new')
    const wrong: Partial<OriginRequest>[] = [
      { payload: { kind: 'sha256', hex: createHash('sha256').update('other').digest('hex') } },
      { headers: ['content-md5', createHash('md5').update('other').digest('base64')] },
      { headers: ['x-amz-checksum-crc32', crc32Base64('other')] },
    ]
    for (const overrides of wrong) assert.equal((await put('checked', 'new', overrides)).status, 400)
    assert.equal((await ask({ rawKey: 'checked' })).text, 'old')
    const trailer: HeaderList = ['x-amz-checksum-crc32', right]
    const payload = { kind: 'trailer', names: ['x-amz-checksum-crc32'], fields: () => trailer } as const
    assert.equal((await put('checked', 'new', { payload, headers: ['content-encoding', 'gzip'] })).status, 200)
    const read = await ask({ rawKey: 'checked', headers: ['x-amz-checksum-mode', 'ENABLED'] })
    assert.equal(read.text, 'new')
    assert.equal(headerValue(read.headers, 'x-amz-checksum-crc32'), right)
    assert.equal(headerValue(read.headers, 'content-encoding'), 'gzip')
    const part = await ask({ rawKey: 'checked', headers: ['x-amz-checksum-mode', 'ENABLED', 'range', 'bytes=0-1'] })
    assert.equal(headerValue(part.headers, 'x-amz-checksum-crc32'), undefined)
  },

  'conditional writes decide by what is there': async ({ ask, put }) => {
    assert.equal((await put('once', 'first', { headers: ['if-none-match', '*'] })).status, 200)
    assert.equal((await put('once', 'second', { headers: ['if-none-match', '*'] })).status, 412)
    const etag = headerValue((await ask({ rawKey: 'once' })).headers, 'etag') ?? ''
    assert.equal((await put('once', 'third', { headers: ['if-match', '"other"'] })).status, 412)
    assert.equal((await put('once', 'third', { headers: ['if-match', etag] })).status, 200)
    assert.equal((await put('never', 'x', { headers: ['if-match', etag] })).status, 404)
    assert.equal((await ask({ rawKey: 'once' })).text, 'third')
  },

  'deleting succeeds whether or not the object is there': async ({ ask, put }) => {
    await put('gone/deep/key', 'x')
    assert.equal((await ask({ method: 'DELETE', rawKey: 'gone/deep/key' })).status, 204)
    assert.equal((await ask({ method: 'DELETE', rawKey: 'gone/deep/key' })).status, 204)
    assert.equal((await ask({ rawKey: 'gone/deep/key' })).status, 404)
  },

  'many objects are deleted by one request': async ({ ask, put }) => {
    await put('many/a&b', 'x')
    await put('many/c', 'x')
    const body = Buffer.from('<Delete><Object><Key>many/a&amp;b</Key></Object><Object><Key>many/none</Key></Object></Delete>')
    const headers = ['content-md5', createHash('md5').update(body).digest('base64')]
    const deleted = await put('', body, { method: 'POST', rawKey: undefined, rawQuery: 'delete', headers })
    assert.equal(deleted.status, 200)
    assert.deepEqual(all(deleted.text, 'Key'), ['many/a&amp;b', 'many/none'])
    assert.deepEqual(all((await ask({ rawKey: undefined, rawQuery: 'prefix=many/' })).text, 'Key'), ['many/c'])
  },

  'listing gives every key once, in byte order, in pages': async ({ ask, put }) => {
    const keys = ['z', 'list/a', 'list/a-b', 'list/a.b', 'list/a/1', 'list/a/2', 'list/b', 'list/é', 'list/b/x', 'list/']
    for (const key of keys) await put(encodeURI(key), key)
    const listed: string[] = []
    let token = ''
    do {
      const page = await ask({ rawKey: undefined, rawQuery: `list-type=2&max-keys=2&encoding-type=url&prefix=list%2F${token}` })
      listed.push(...all(page.text, 'Key').map((key) => decodeURIComponent(key)))
      const next = all(page.text, 'NextContinuationToken')[0]
      token = next === undefined ? '' : `&continuation-token=${encodeURIComponent(next)}`
    } while (token !== '')
    assert.deepEqual(listed, ['list/', 'list/a', 'list/a-b', 'list/a.b', 'list/a/1', 'list/a/2', 'list/b', 'list/b/x', 'list/é'])
    const grouped = (await ask({ rawKey: undefined, rawQuery: 'list-type=2&prefix=list/&delimiter=/&start-after=list/a' })).text
    assert.deepEqual(all(grouped, 'Key'), ['list/a-b', 'list/a.b', 'list/b', 'list/&#xE9;'])
    assert.match(grouped, /<CommonPrefixes><Prefix>list\/a\/<\/Prefix><\/CommonPrefixes>.*<CommonPrefixes><Prefix>list\/b\/</)
    const older: string[] = []
    let marker: string | undefined = ''
    while (marker !== undefined) {
      const page: string = (
        await ask({ rawKey: undefined, rawQuery: `prefix=list/&delimiter=/&max-keys=1&encoding-type=url&marker=${marker}` })
      ).text
      older.push(...all(page, 'Key'), ...all(page, 'Prefix').slice(1))
      marker = all(page, 'NextMarker')[0]
    }
    assert.deepEqual(older, ['list/', 'list/a', 'list/a-b', 'list/a.b', 'list/a/', 'list/b', 'list/b/', 'list/%C3%A9'])
  },

  'copying takes the content, and the metadata unless others are given': async ({ ask, put }) => {
    await put('source', 'copied', { headers: ['content-type', 'text/copied', 'x-amz-meta-a', '1'] })
    const copy = (rawKey: string, ...headers: string[]): Promise<Answer> =>
      ask({ method: 'PUT', rawKey, headers: ['x-amz-copy-source', '/contract/source', ...headers] })
    const copied = await copy('target')
    assert.equal(copied.status, 200)
    assert.match(copied.text, /<CopyObjectResult.*<ETag>"[0-9a-f]{32}"</)
    assert.equal(headerValue((await ask({ rawKey: 'target' })).headers, 'x-amz-meta-a'), '1')
    await copy('target', 'x-amz-metadata-directive', 'REPLACE', 'x-amz-meta-b', '2')
    const replaced = await ask({ rawKey: 'target' })
    assert.equal(replaced.text, 'copied')
    assert.equal(headerValue(replaced.headers, 'x-amz-meta-a'), undefined)
    assert.equal(headerValue(replaced.headers, 'x-amz-meta-b'), '2')
    assert.equal((await copy('target', 'x-amz-copy-source-if-match', '"other"')).status, 412)
    assert.equal((await ask({ method: 'PUT', headers: ['x-amz-copy-source', 'contract/none'] })).status, 404)
  },

  'a multipart upload becomes one object, or nothing': async ({ ask, put }) => {
    const begin = async (): Promise<string> =>
      all((await ask({ method: 'POST', rawKey: 'big', rawQuery: 'uploads', headers: ['x-amz-meta-m', 'p'] })).text, 'UploadId')[0] ?? ''
    const uploadId = await begin()
    const random = seededRandom(7)
    const parts = [PART_BYTES, PART_BYTES, 1000].map((sizeBytes) =>
      Buffer.from(Array.from({ length: 64 }, () => random() * 256))
        .toString('latin1')
        .repeat(sizeBytes / 8)
        .slice(0, sizeBytes),
    )
    const etags: string[] = []
    for (const [i, part] of parts.entries()) {
      const sent = await put('big', Buffer.from(part, 'latin1'), { rawQuery: `partNumber=${i + 1}&uploadId=${uploadId}` })
      etags.push(headerValue(sent.headers, 'etag') ?? '')
    }
    assert.equal((await ask({ rawKey: 'big' })).status, 404)
    assert.deepEqual(all((await ask({ rawKey: 'big', rawQuery: `uploadId=${uploadId}` })).text, 'PartNumber'), ['1', '2', '3'])
    assert.deepEqual(all((await ask({ rawKey: undefined, rawQuery: 'uploads' })).text, 'UploadId'), [uploadId])
    const complete = (listed: readonly string[], id = uploadId): Promise<Answer> => {
      const items = listed.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
      return put('big', `<CompleteMultipartUpload>${items.join('')}</CompleteMultipartUpload>`, {
        method: 'POST',
        rawQuery: `uploadId=${id}`,
      })
    }
    assert.match((await complete(['"0"', ...etags.slice(1)])).text, /InvalidPart/)
    assert.match((await complete(etags.toReversed())).text, /InvalidPart/)
    const done = await complete(etags)
    assert.equal(done.status, 200)
    assert.match(done.text, /<ETag>"[0-9a-f]{32}-3"</)
    const read = await ask({ rawKey: 'big' })
    assert.ok(read.text === parts.join(''))
    assert.equal(headerValue(read.headers, 'x-amz-meta-m'), 'p')
    assert.match(headerValue(read.headers, 'etag') ?? '', /^"[0-9a-f]{32}-3"$/)
    const third = await ask({ rawKey: 'big', rawQuery: 'partNumber=3' })
    assert.deepEqual([third.status, third.text === parts[2], headerValue(third.headers, 'x-amz-mp-parts-count')], [206, true, '3'])
    const aborted = await begin()
    assert.equal((await ask({ method: 'DELETE', rawKey: 'big', rawQuery: `uploadId=${aborted}` })).status, 204)
    assert.match((await complete(etags, aborted)).text, /NoSuchUpload/)
  },

  'buckets are made, listed, located and removed when they are empty': async ({ ask, put }) => {
    assert.equal((await ask({ method: 'PUT', bucket: 'second-bucket', rawKey: undefined })).status, 200)
    assert.match((await ask({ bucket: undefined, rawKey: undefined })).text, /<Name>second-bucket<\/Name>/)
    assert.equal((await ask({ method: 'HEAD', bucket: 'second-bucket', rawKey: undefined })).status, 200)
    assert.match((await ask({ bucket: 'second-bucket', rawKey: undefined, rawQuery: 'location' })).text, /<LocationConstraint/)
    await put('k/k', 'x', { bucket: 'second-bucket' })
    assert.equal((await ask({ method: 'DELETE', bucket: 'second-bucket', rawKey: undefined })).status, 409)
    await ask({ method: 'DELETE', bucket: 'second-bucket', rawKey: 'k/k' })
    assert.equal((await ask({ method: 'DELETE', bucket: 'second-bucket', rawKey: undefined })).status, 204)
    assert.equal((await ask({ method: 'HEAD', bucket: 'second-bucket', rawKey: undefined })).status, 404)
  },

  'what an origin cannot do it says, and changes nothing': async ({ ask, put }) => {
    await put('plain-put', 'x')
    const refused = await ask({ method: 'PUT', rawKey: 'plain-put', rawQuery: 'acl' })
    assert.equal(refused.status, 501)
    assert.match(refused.text, /<Code>NotImplemented<\/Code>/)
    assert.equal((await put('plain-put', 'y', { headers: ['x-amz-write-offset-bytes', '1'] })).status, 501)
    assert.equal((await ask({ rawKey: 'plain-put' })).text, 'x')
  },
}

/** A body in several pieces, as bodies come. */
function inPieces(body: Buffer): ByteSource {
  const third = Math.ceil(body.length / 3)
  return sourceOf(body.subarray(0, third), body.subarray(third, 2 * third), body.subarray(2 * third))
}

/** The texts of every element of a name. */
function all(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] ?? '')
}

function crc32Base64(text: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return bytes.toString('base64')
}

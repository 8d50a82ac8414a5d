import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OriginResponse } from '../../src/origin/origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { S3Client, type Ask } from '../support/s3-client.ts'

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
const ERROR = '<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>'

const COMPLETE: Ask = { method: 'POST', path: '/bucket/key?uploadId=u', body: '<CompleteMultipartUpload/>' }
const COPY: Ask = { method: 'PUT', path: '/bucket/key', fields: { 'x-amz-copy-source': '/bucket/other' } }
const PART_COPY: Ask = { method: 'PUT', path: '/bucket/key?partNumber=1&uploadId=u', fields: { 'x-amz-copy-source': '/bucket/other' } }

/** What comes after a 200, piece by piece, and the error that it is. */
const BODIES: readonly [pieces: readonly string[], code: string | undefined][] = [
  [[DECLARATION + ERROR], 'InternalError'],
  [[ERROR], 'InternalError'],
  [[DECLARATION, '\n  \n', ' ', `\n${ERROR}`], 'InternalError'],
  [[`${DECLARATION}${' '.repeat(10_000)}`, ' '.repeat(10_000), '<Err', 'or>\n<Code>SlowDo', 'wn</Code>', '</Error>'], 'SlowDown'],
  [[`<Error xmlns="x"><Message>${'m'.repeat(5000)}`, '</Message></Error>'], 'InternalError'],
  [[`${DECLARATION}\n<CompleteMultipartUploadResult><ETag>"e"</ETag>`, '</CompleteMultipartUploadResult>'], undefined],
  [['<CopyObjectResult><Key><Error><Code>Nothing</Code></Error></Key></CopyObjectResult>'], undefined],
  [[''], undefined],
]

for (const ask of [COMPLETE, COPY, PART_COPY]) {
  test(`${ask.method} ${ask.path}: a 200 with an error inside is a failure in the record, and reaches the client as it came`, async (t) => {
    const { origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    for (const [pieces, code] of BODIES) {
      const left = pieces.map((piece) => Buffer.from(piece))
      origin.answer = async (request): Promise<OriginResponse> => {
        for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
        const body = { length: undefined, read: async () => left.shift(), cancel: () => undefined }
        return { status: 200, headers: ['content-type', 'application/xml'], body }
      }
      const answer = await new S3Client(proxy).ask(ask)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.toString(), pieces.join(''))
      const record = await proxy.takeRecord()
      const said = `${record.outcome} ${record.reason} ${record.errorCode ?? ''}`
      assert.equal(said, code === undefined ? 'write uncacheable-operation ' : `failed origin ${code}`)
    }
  })
}

import { createHash } from 'node:crypto'
import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup } from '../trial.ts'

function keyOf(name: string): { SSECustomerAlgorithm: string; SSECustomerKey: string; SSECustomerKeyMD5: string } {
  const key = createHash('sha256').update(name).digest()
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  }
}

const GOOD = keyOf('good')
const WRONG = keyOf('wrong')

/** With the right key, without one, with another, and with the right one again: a cache may not give it away in between. */
function encrypted(sizeBytes: number): Check {
  return async (t) => {
    await t.may(t.s3.putObject({ ...t.at(), Body: bodyOf('encrypted', sizeBytes), ...GOOD }))
    for (const key of [GOOD, {}, WRONG, GOOD]) {
      await t.reads(async () => t.s3.getObject({ ...t.at(), ...key }))
      await t.may(t.s3.headObject({ ...t.at(), ...key }))
      await t.may(t.s3.getObject({ ...t.at(), ...key, Range: 'bytes=1-3' }))
    }
  }
}

export const encryptionChecks: CheckGroup = {
  name: 'encryption',
  checks: {
    ...Object.fromEntries([0, 1, 1000, 1024 * 1024 + 1].map((size) => [`SSE-C of ${size} bytes`, encrypted(size)])),
    'plain, then SSE-C, then plain': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'plain' })
      await t.look()
      await t.may(t.s3.putObject({ ...t.at(), Body: 'encrypted', ...GOOD }))
      await t.look()
      await t.reads(async () => t.s3.getObject({ ...t.at(), ...GOOD }))
      await t.s3.putObject({ ...t.at(), Body: 'plain again' })
      await t.look()
      await t.reads(async () => t.s3.getObject({ ...t.at(), ...GOOD }))
    },
    'SSE-C without MD5': async (t) =>
      t.may(t.s3.putObject({ ...t.at(), Body: 'x', SSECustomerAlgorithm: 'AES256', SSECustomerKey: GOOD.SSECustomerKey })),
    'SSE-C with the MD5 of another key': async (t) =>
      t.may(t.s3.putObject({ ...t.at(), Body: 'x', ...GOOD, SSECustomerKeyMD5: WRONG.SSECustomerKeyMD5 })),
    'SSE-C without a key': async (t) =>
      t.may(
        t.send({
          method: 'PUT',
          path: t.path(),
          headers: { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
          body: Buffer.from('x'),
        }),
      ),
    'a copy of SSE-C': async (t) => {
      await t.may(t.s3.putObject({ ...t.at('source'), Body: 'encrypted', ...GOOD }))
      const CopySource = `${t.bucket}/${t.key('source')}`
      await t.may(t.s3.copyObject({ ...t.at('target'), CopySource }))
      const source = {
        CopySourceSSECustomerAlgorithm: 'AES256',
        CopySourceSSECustomerKey: GOOD.SSECustomerKey,
        CopySourceSSECustomerKeyMD5: GOOD.SSECustomerKeyMD5,
      }
      await t.may(t.s3.copyObject({ ...t.at('target'), CopySource, ...source }))
      await t.look('target')
      await t.may(t.s3.copyObject({ ...t.at('target'), CopySource, ...source, ...WRONG }))
      await t.look('target')
      await t.reads(async () => t.s3.getObject({ ...t.at('target'), ...WRONG }))
    },
    'parts of SSE-C': async (t) => {
      const { UploadId } = await t.s3.createMultipartUpload({ ...t.at(), ...GOOD })
      const part = await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber: 1, Body: 'encrypted part', ...GOOD }))
      await t.may(t.s3.uploadPart({ ...t.at(), UploadId, PartNumber: 2, Body: 'other key', ...WRONG }))
      await t.may(t.s3.completeMultipartUpload({ ...t.at(), UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part?.ETag }] } }))
      await t.look()
      await t.reads(async () => t.s3.getObject({ ...t.at(), ...GOOD }))
    },
    'SSE-KMS with a key': async (t) => {
      await t.may(t.s3.putObject({ ...t.at(), Body: 'x', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'testkey-1' }))
      await t.look()
    },
  },
}

import { Readable } from 'node:stream'
import type { ChecksumAlgorithm } from '@aws-sdk/client-s3'
import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const MIB = 1024 * 1024
const ALGORITHMS: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']
const FIELDS = {
  CRC32: 'x-amz-checksum-crc32',
  CRC32C: 'x-amz-checksum-crc32c',
  SHA1: 'x-amz-checksum-sha1',
  SHA256: 'x-amz-checksum-sha256',
  CRC64NVME: 'x-amz-checksum-crc64nvme',
}

/** Reads with and without wanting checksums, whole and in part, in an order that warms one before the other. */
async function lookAtChecksums(t: Trial, first: 'whole' | 'range' | 'head'): Promise<void> {
  const on = { ChecksumMode: 'ENABLED' } as const
  const steps = {
    whole: async () => t.s3.getObject({ ...t.at(), ...on }),
    range: async () => t.s3.getObject({ ...t.at(), ...on, Range: 'bytes=0-9' }),
    head: async () => t.s3.headObject({ ...t.at(), ...on }),
  }
  await t.may(steps[first]())
  for (const step of Object.values(steps)) await t.may(step())
  await t.may(t.send({ method: 'GET', path: t.path() }))
  await t.may(t.send({ method: 'HEAD', path: t.path() }))
  await t.may(t.s3.getObjectAttributes({ ...t.at(), ObjectAttributes: ['Checksum', 'ETag'] }))
}

function stored(
  ChecksumAlgorithm: ChecksumAlgorithm,
  sizeBytes: number,
  options: { first: 'whole' | 'range' | 'head'; stream?: boolean },
): Check {
  return async (t) => {
    const body = bodyOf(`checksum ${sizeBytes}`, sizeBytes)
    const Body = options.stream === true ? Readable.from([body]) : body
    await t.may(t.s3.putObject({ ...t.at(), Body, ContentLength: sizeBytes, ChecksumAlgorithm }))
    await lookAtChecksums(t, options.first)
  }
}

function given(field: string, value: string): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before' })
    await t.look()
    await t.may(t.send({ method: 'PUT', path: t.path(), headers: { [field]: value }, body: Buffer.from('hello') }))
    await lookAtChecksums(t, 'whole')
  }
}

const checks: Record<string, Check> = {}
for (const algorithm of ALGORITHMS) {
  for (const first of ['whole', 'range', 'head'] as const)
    checks[`${algorithm} of 100 bytes, ${first} first`] = stored(algorithm, 100, { first })
  checks[`${algorithm} of 2 MiB and 1`] = stored(algorithm, 2 * MIB + 1, { first: 'whole' })
  checks[`${algorithm} of 10 MiB`] = stored(algorithm, 10 * MIB, { first: 'range' })
  checks[`${algorithm} in a trailer`] = stored(algorithm, 100_000, { first: 'whole', stream: true })
  checks[`a wrong ${algorithm}`] = given(FIELDS[algorithm as keyof typeof FIELDS], 'AAAAAAAA')
}

export const checksumChecks: CheckGroup = {
  name: 'checksums',
  checks: {
    ...checks,
    'a right CRC32': given('x-amz-checksum-crc32', 'NhCmhg=='),
    'two checksums': async (t) => {
      const headers = { 'x-amz-checksum-crc32': 'NhCmhg==', 'x-amz-checksum-sha1': 'qvTGHdzF6KLavt4PO0gs2a6pQ00=' }
      await t.may(t.send({ method: 'PUT', path: t.path(), headers, body: Buffer.from('hello') }))
      await lookAtChecksums(t, 'whole')
    },
    'a checksum that is no base64': given('x-amz-checksum-crc32', '***'),
    'no checksum': async (t) => {
      await t.may(t.send({ method: 'PUT', path: t.path(), body: Buffer.from('hello') }))
      await lookAtChecksums(t, 'head')
    },
    'a copy that adds a checksum': async (t) => {
      await t.may(t.send({ method: 'PUT', path: t.path('source'), body: Buffer.from('hello') }))
      await t.may(t.s3.copyObject({ ...t.at(), CopySource: `${t.bucket}/${t.key('source')}`, ChecksumAlgorithm: 'SHA256' }))
      await lookAtChecksums(t, 'whole')
    },
    'a hash that the body has not': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'before' })
      await t.look()
      const signed = t.raw.signed({ method: 'PUT', path: t.path(), body: Buffer.from('hello') })
      const { host = '', ...headers } = signed
      await t.may(t.send({ method: 'PUT', path: t.path(), sign: 'none', headers: { ...headers, host }, body: Buffer.from('jello') }))
      await t.look()
    },
    'an unsigned payload': async (t) => {
      await t.may(t.client({ requestChecksumCalculation: 'WHEN_REQUIRED' }).putObject({ ...t.at(), Body: 'plain' }))
      await t.look()
    },
  },
}

import type { Check, CheckGroup, Trial } from '../trial.ts'

const KEYS = ['a', 'a/1', 'a/2', 'a/b/3', 'b/', 'b/c', 'boo/bar', 'cquux/thud', 'd e+f', 'ü/é', 'x%2Fy', 'z//y', 'z&<>"']

type V1 = Omit<Parameters<Trial['s3']['listObjects']>[0], 'Bucket'>
type V2 = Omit<Parameters<Trial['s3']['listObjectsV2']>[0], 'Bucket'>

const BOTH: Readonly<Record<string, V1 & V2>> = {
  everything: {},
  'by delimiter /': { Delimiter: '/' },
  'by delimiter a': { Delimiter: 'a' },
  'by delimiter of two characters': { Delimiter: '//' },
  'by delimiter %': { Delimiter: '%' },
  'by empty delimiter': { Delimiter: '' },
  'by delimiter that is not there': { Delimiter: '|' },
  'by prefix': { Prefix: 'a/' },
  'by prefix and delimiter': { Prefix: 'a/', Delimiter: '/' },
  'by prefix that is a key': { Prefix: 'a' },
  'by prefix that is not there': { Prefix: 'nothing' },
  'by empty prefix': { Prefix: '' },
  'by prefix that needs encoding': { Prefix: 'd e+' },
  'by unicode prefix': { Prefix: 'ü/' },
  encoded: { EncodingType: 'url' },
  'encoded by delimiter': { EncodingType: 'url', Delimiter: '/' },
  'at most 3': { MaxKeys: 3 },
  'at most 3 by delimiter': { MaxKeys: 3, Delimiter: '/' },
  'at most 0': { MaxKeys: 0 },
  'at most 5000': { MaxKeys: 5000 },
  'at most -1': { MaxKeys: -1 },
}

async function filled(t: Trial): Promise<string> {
  const bucket = await t.ownBucket()
  for (const Key of KEYS) await t.s3.putObject({ Bucket: bucket, Key, Body: Key })
  return bucket
}

const listed =
  (input: V1 & V2): Check =>
  async (t) => {
    const Bucket = await filled(t)
    await t.may(t.s3.listObjects({ Bucket, ...input }))
    await t.may(t.s3.listObjectsV2({ Bucket, ...input }))
    await t.may(t.s3.listObjectVersions({ Bucket, ...input }))
  }

const pagesV2 =
  (input: V2): Check =>
  async (t) => {
    const Bucket = await filled(t)
    let ContinuationToken: string | undefined
    for (let page = 0; page < 20; page++) {
      const answer = await t.may(t.s3.listObjectsV2({ Bucket, ContinuationToken, ...input }))
      ContinuationToken = answer?.NextContinuationToken
      if (ContinuationToken === undefined) return
    }
  }

const pagesV1 =
  (input: V1): Check =>
  async (t) => {
    const Bucket = await filled(t)
    let Marker: string | undefined
    for (let page = 0; page < 20; page++) {
      const answer = await t.may(t.s3.listObjects({ Bucket, Marker, ...input }))
      if (answer?.IsTruncated !== true) return
      Marker = answer.NextMarker ?? answer.Contents?.at(-1)?.Key
    }
  }

const rawList =
  (query: Readonly<Record<string, string>>): Check =>
  async (t) => {
    const bucket = await filled(t)
    await t.may(t.send({ method: 'GET', path: `/${bucket}`, query }))
    await t.may(t.send({ method: 'GET', path: `/${bucket}/`, query }))
  }

export const listChecks: CheckGroup = {
  name: 'lists',
  checks: {
    ...Object.fromEntries(Object.entries(BOTH).map(([name, input]) => [name, listed(input)])),
    'v2 with owners': async (t) => t.may(t.s3.listObjectsV2({ Bucket: await filled(t), FetchOwner: true })),
    'v2 starting after': async (t) => t.may(t.s3.listObjectsV2({ Bucket: await filled(t), StartAfter: 'b/c' })),
    'v2 starting after what is not there': async (t) => t.may(t.s3.listObjectsV2({ Bucket: await filled(t), StartAfter: 'blah' })),
    'v2 with a malformed token': async (t) => t.may(t.s3.listObjectsV2({ Bucket: await filled(t), ContinuationToken: '%%%' })),
    'v1 after a marker': async (t) => t.may(t.s3.listObjects({ Bucket: await filled(t), Marker: 'b/c' })),
    'v1 after an unreadable marker': async (t) => t.may(t.s3.listObjects({ Bucket: await filled(t), Marker: '\n' })),
    'v2 pages of 2': pagesV2({ MaxKeys: 2 }),
    'v2 pages of 2 by delimiter': pagesV2({ MaxKeys: 2, Delimiter: '/' }),
    'v2 pages of 2 encoded': pagesV2({ MaxKeys: 2, EncodingType: 'url' }),
    'v1 pages of 2': pagesV1({ MaxKeys: 2 }),
    'v1 pages of 2 by delimiter': pagesV1({ MaxKeys: 2, Delimiter: '/' }),
    'max-keys that is no number': rawList({ 'list-type': '2', 'max-keys': 'blah' }),
    'max-keys that is empty': rawList({ 'list-type': '2', 'max-keys': '' }),
    'list-type 3': rawList({ 'list-type': '3' }),
    'an unknown encoding': rawList({ 'encoding-type': 'base64' }),
    unordered: rawList({ 'allow-unordered': 'true' }),
    'a parameter that nobody knows': rawList({ 'x-nobody': '1' }),
    'an empty bucket': async (t) => {
      const Bucket = await t.ownBucket()
      await t.may(t.s3.listObjects({ Bucket }))
      await t.may(t.s3.listObjectsV2({ Bucket }))
    },
    'a missing bucket': async (t) => {
      await t.may(t.s3.listObjects({ Bucket: 'hotbucket-conform-no-such-bucket' }))
      await t.may(t.s3.listObjectsV2({ Bucket: 'hotbucket-conform-no-such-bucket' }))
    },
    'a list follows writes at once': async (t) => {
      const Bucket = await t.ownBucket()
      for (let i = 0; i < 4; i++) {
        await t.s3.putObject({ Bucket, Key: `k${i}`, Body: 'x'.repeat(i) })
        await t.may(t.s3.listObjectsV2({ Bucket }))
      }
      await t.s3.deleteObject({ Bucket, Key: 'k1' })
      await t.may(t.s3.listObjectsV2({ Bucket }))
    },
  },
}

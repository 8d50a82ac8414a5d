import { bodyOf } from '../../../clients/corpus.ts'
import { percentEncode } from '../../../clients/sign.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const MIB = 1024 * 1024
const FUTURE = new Date('2100-01-01T00:00:00Z')
const PAST = new Date('2000-01-01T00:00:00Z')

type CopyInput = Partial<Parameters<Trial['s3']['copyObject']>[0]>

function source(t: Trial, name = 'source', more = ''): string {
  return `${t.bucket}/${percentEncode(t.key(name), '/')}${more}`
}

/** Source and target are warm before the copy, and both are read after it. */
function copied(input: CopyInput, sizeBytes = 20): Check {
  return async (t) => {
    await t.s3.putObject({
      ...t.at('source'),
      Body: bodyOf('source', sizeBytes),
      ContentType: 'text/source',
      Metadata: { from: 'source' },
      Tagging: 'a=1',
    })
    await t.s3.putObject({ ...t.at('target'), Body: 'old target', ContentType: 'text/target' })
    await t.look('source')
    await t.look('target')
    await t.may(t.s3.copyObject({ ...t.at('target'), CopySource: source(t), ...input }))
    await t.look('target')
    await t.look('source')
    await t.may(t.s3.getObjectTagging(t.at('target')))
  }
}

/** A copy onto itself keeps the ETag: what a cache that trusts ETags would not see. */
function selfCopied(input: CopyInput): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'the same', ContentType: 'text/first', Metadata: { version: '1' }, CacheControl: 'max-age=1' })
    await t.look()
    await t.may(t.s3.copyObject({ ...t.at(), CopySource: source(t, 'object'), ...input }))
    await t.look()
    await t.may(t.s3.getObject({ ...t.at(), IfNoneMatch: '"51037a4a37730f52c8732586d3aaa316"' }))
  }
}

function conditional(condition: CopyInput): Check {
  return copied(condition)
}

function sourceForm(form: (t: Trial) => string): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at('a b+c'), Body: 'awkward' })
    await t.may(t.s3.copyObject({ ...t.at('target'), CopySource: form(t) }))
    await t.look('target')
  }
}

const OTHER = '"d41d8cd98f00b204e9800998ecf8427e"'

export const copyChecks: CheckGroup = {
  name: 'copies',
  checks: {
    'a copy': copied({}),
    'a copy of 9 MiB': copied({}, 9 * MIB),
    'a copy of nothing': copied({}, 0),
    'a copy with the source metadata': copied({ MetadataDirective: 'COPY', Metadata: { ignored: 'x' } }),
    'a copy with new metadata': copied({ MetadataDirective: 'REPLACE', Metadata: { to: 'target' }, ContentType: 'text/new' }),
    'a copy with new tags': copied({ TaggingDirective: 'REPLACE', Tagging: 'b=2' }),
    'a copy with the source tags': copied({ TaggingDirective: 'COPY' }),
    'a copy with an ACL': copied({ ACL: 'public-read' }),
    'a copy with a storage class': copied({ StorageClass: 'STANDARD' }),
    'a copy with a checksum': copied({ ChecksumAlgorithm: 'SHA256' }),
    'a copy with an unknown directive': copied({ MetadataDirective: 'SWAP' as 'COPY' }),
    'if the source matches': conditional({ CopySourceIfMatch: '*' }),
    'if the source matches another': conditional({ CopySourceIfMatch: OTHER }),
    'if the source matches not': conditional({ CopySourceIfNoneMatch: OTHER }),
    'if the source matches none': conditional({ CopySourceIfNoneMatch: '*' }),
    'if the source was modified since long ago': conditional({ CopySourceIfModifiedSince: PAST }),
    'if the source was modified in the future': conditional({ CopySourceIfModifiedSince: FUTURE }),
    'if the source was not modified since long ago': conditional({ CopySourceIfUnmodifiedSince: PAST }),
    'if the source was not modified in the future': conditional({ CopySourceIfUnmodifiedSince: FUTURE }),
    'if the target does not exist': copied({ IfNoneMatch: '*' }),
    'if the target matches another': copied({ IfMatch: OTHER }),
    'onto itself with new metadata': selfCopied({ MetadataDirective: 'REPLACE', Metadata: { version: '2' }, ContentType: 'text/second' }),
    'onto itself with new cache control': selfCopied({ MetadataDirective: 'REPLACE', CacheControl: 'max-age=2' }),
    'onto itself without a change': selfCopied({}),
    'onto itself with a storage class': selfCopied({ StorageClass: 'STANDARD' }),
    'onto itself with tags': selfCopied({ TaggingDirective: 'REPLACE', Tagging: 'x=y', MetadataDirective: 'REPLACE' }),
    'of a missing key': async (t) => {
      await t.s3.putObject({ ...t.at('target'), Body: 'old' })
      await t.look('target')
      await t.may(t.s3.copyObject({ ...t.at('target'), CopySource: source(t, 'none') }))
      await t.look('target')
    },
    'from a missing bucket': async (t) => t.may(t.s3.copyObject({ ...t.at(), CopySource: 'hotbucket-conform-no-such-bucket/x' })),
    'to another bucket': async (t) => {
      const other = await t.ownBucket()
      await t.s3.putObject({ ...t.at('source'), Body: 'across', Metadata: { m: '1' } })
      await t.may(t.s3.copyObject({ Bucket: other, Key: 'target', CopySource: source(t) }))
      await t.reads(async () => t.s3.getObject({ Bucket: other, Key: 'target' }))
    },
    'a source with a leading slash': sourceForm((t) => `/${t.bucket}/${percentEncode(t.key('a b+c'), '/')}`),
    'a source that is encoded whole': sourceForm((t) => percentEncode(`${t.bucket}/${t.key('a b+c')}`)),
    'a source that is not encoded': sourceForm((t) => `${t.bucket}/${t.key('a b+c')}`),
    'a source without a key': sourceForm((t) => t.bucket),
    'a source with an empty version': sourceForm((t) => `${t.bucket}/${percentEncode(t.key('a b+c'), '/')}?versionId=`),
    'a source with the null version': sourceForm((t) => `${t.bucket}/${percentEncode(t.key('a b+c'), '/')}?versionId=null`),
    'an empty source': async (t) => t.may(t.send({ method: 'PUT', path: t.path(), headers: { 'x-amz-copy-source': '' } })),
    'a source with a body beside it': async (t) => {
      await t.s3.putObject({ ...t.at('source'), Body: 'the source' })
      await t.may(
        t.send({ method: 'PUT', path: t.path('target'), headers: { 'x-amz-copy-source': `/${source(t)}` }, body: Buffer.from('beside') }),
      )
      await t.look('target')
    },
    'a chain of copies': async (t) => {
      await t.s3.putObject({ ...t.at('0'), Body: bodyOf('chain', MIB + 3) })
      for (let i = 0; i < 5; i++) {
        await t.s3.copyObject({ ...t.at(String(i + 1)), CopySource: source(t, String(i)) })
        await t.look(String(i + 1))
      }
    },
    'a copy swaps two objects': async (t) => {
      await t.s3.putObject({ ...t.at('a'), Body: 'first' })
      await t.s3.putObject({ ...t.at('b'), Body: 'second' })
      for (const name of ['a', 'b']) await t.look(name)
      await t.s3.copyObject({ ...t.at('c'), CopySource: source(t, 'a') })
      await t.s3.copyObject({ ...t.at('a'), CopySource: source(t, 'b') })
      await t.s3.copyObject({ ...t.at('b'), CopySource: source(t, 'c') })
      for (const name of ['a', 'b', 'c']) await t.look(name)
    },
    'a rename': async (t) => {
      await t.s3.putObject({ ...t.at('old'), Body: 'renamed' })
      await t.look('old')
      await t.may(t.s3.renameObject({ ...t.at('new'), RenameSource: `${t.bucket}/${t.key('old')}` }))
      await t.look('old')
      await t.look('new')
    },
  },
}

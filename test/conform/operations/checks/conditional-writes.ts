import { createHash } from 'node:crypto'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const BODY = 'what stands there'
const ETAG = `"${createHash('md5').update(BODY).digest('hex')}"`
const OTHER = '"d41d8cd98f00b204e9800998ecf8427e"'

/** Tried on a key that exists and is warm, and on one that does not exist. */
function written(write: (t: Trial, name: string) => Promise<unknown>): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at('there'), Body: BODY })
    await t.look('there')
    await t.may(write(t, 'there'))
    await t.look('there')
    await t.look('absent')
    await t.may(write(t, 'absent'))
    await t.look('absent')
  }
}

const raw = (headers: Readonly<Record<string, string>>, method = 'PUT'): Check =>
  written(async (t, name) => t.send({ method, path: t.path(name), headers, ...(method === 'PUT' ? { body: Buffer.from('raw') } : {}) }))

export const conditionalWriteChecks: CheckGroup = {
  name: 'conditional writes',
  checks: {
    'put if nothing is there': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfNoneMatch: '*' })),
    'put if it is the same': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfMatch: ETAG })),
    'put if it is another': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfMatch: OTHER })),
    'put if anything is there': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfMatch: '*' })),
    'put if it is not the same': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfNoneMatch: ETAG })),
    'put if it is not another': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'new', IfNoneMatch: OTHER })),
    'put if not modified since long ago': raw({ 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }),
    'put if modified since long ago': raw({ 'if-modified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }),
    'put with a range': raw({ range: 'bytes=0-1' }),
    'delete if it is the same': written(async (t, name) => t.s3.deleteObject({ ...t.at(name), IfMatch: ETAG })),
    'delete if it is another': written(async (t, name) => t.s3.deleteObject({ ...t.at(name), IfMatch: OTHER })),
    'delete if anything is there': written(async (t, name) => t.s3.deleteObject({ ...t.at(name), IfMatch: '*' })),
    'delete if it has that size': written(async (t, name) => t.s3.deleteObject({ ...t.at(name), IfMatchSize: BODY.length })),
    'delete if it has another size': written(async (t, name) => t.s3.deleteObject({ ...t.at(name), IfMatchSize: 1 })),
    'delete if it has another date': written(async (t, name) =>
      t.s3.deleteObject({ ...t.at(name), IfMatchLastModifiedTime: new Date('2001-01-01') }),
    ),
    'delete many if they are the same': written(async (t, name) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [{ Key: t.key(name), ETag: ETAG }] } }),
    ),
    'delete many if they are others': written(async (t, name) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [{ Key: t.key(name), ETag: OTHER }] } }),
    ),
    'append to it': written(async (t, name) =>
      t.send({ method: 'PUT', path: t.path(name), query: { append: '', position: '0' }, body: Buffer.from('first') }),
    ),
    'append in two steps': async (t) => {
      for (const [position, body] of [
        ['0', 'first '],
        ['6', 'second'],
        ['3', 'misplaced'],
      ]) {
        await t.may(
          t.send({ method: 'PUT', path: t.path(), query: { append: '', position: position ?? '' }, body: Buffer.from(body ?? '') }),
        )
        await t.look()
      }
    },
    'write at an offset': written(async (t, name) => t.s3.putObject({ ...t.at(name), Body: 'more', WriteOffsetBytes: BODY.length })),
  },
}

import { createHash } from 'node:crypto'
import type { Check, CheckGroup, Trial } from '../trial.ts'

async function filled(t: Trial, names: readonly string[]): Promise<{ Key: string }[]> {
  for (const name of names) {
    await t.s3.putObject({ ...t.at(name), Body: `body of ${name}` })
    await t.look(name)
  }
  return names.map((name) => ({ Key: t.key(name) }))
}

/** The keys are warm; each is looked at afterwards, whatever the answer said. */
function removed(names: readonly string[], remove: (t: Trial, objects: { Key: string }[]) => Promise<unknown>): Check {
  return async (t) => {
    const objects = await filled(t, names)
    await t.may(remove(t, objects))
    for (const name of names) await t.look(name)
  }
}

const md5 = (text: string): string => createHash('md5').update(text).digest('base64')

/** A body of one's own, with the hash that the server may ask for. */
function rawDelete(
  xml: (t: Trial, objects: { Key: string }[]) => string,
  headers: (body: string) => Record<string, string> = (body) => ({ 'content-md5': md5(body) }),
): Check {
  return removed(['a', 'b'], async (t, objects) => {
    const body = xml(t, objects)
    return t.send({ method: 'POST', path: `/${t.bucket}`, query: { delete: '' }, headers: headers(body), body: Buffer.from(body) })
  })
}

const listing = (objects: readonly { Key: string }[]): string => objects.map(({ Key }) => `<Object><Key>${Key}</Key></Object>`).join('')

export const deleteChecks: CheckGroup = {
  name: 'deletes',
  checks: {
    'two keys': removed(['a', 'b'], async (t, Objects) => t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects } })),
    'two keys quietly': removed(['a', 'b'], async (t, Objects) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects, Quiet: true } }),
    ),
    'keys that need encoding': removed(['a b', 'c+d', '<e>&amp;', 'ü', 'x//y', '%2F'], async (t, Objects) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects } }),
    ),
    'a key twice': removed(['a'], async (t, Objects) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [...Objects, ...Objects] } }),
    ),
    'one of them missing': removed(['a'], async (t, Objects) =>
      t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [...Objects, { Key: t.key('none') }] } }),
    ),
    'no keys': removed([], async (t) => t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects: [] } })),
    '1,000 keys': async (t) => {
      const Objects = Array.from({ length: 1000 }, (_, i) => ({ Key: t.key(`k${i}`) }))
      await t.s3.putObject({ ...t.at('k7'), Body: 'x' })
      await t.look('k7')
      await t.may(t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects } }).then(({ Deleted = [] }) => t.note(`${Deleted.length}`)))
      await t.look('k7')
    },
    '1,001 keys': async (t) => {
      const Objects = Array.from({ length: 1001 }, (_, i) => ({ Key: t.key(`k${i}`) }))
      await t.may(t.s3.deleteObjects({ Bucket: t.bucket, Delete: { Objects } }))
    },
    'with each checksum': removed(['a', 'b'], async (t, Objects) => {
      for (const ChecksumAlgorithm of ['CRC32', 'SHA256', 'CRC64NVME'] as const)
        await t.s3.deleteObjects({ Bucket: t.bucket, ChecksumAlgorithm, Delete: { Objects } })
    }),
    'with MD5': rawDelete((_, objects) => `<Delete>${listing(objects)}</Delete>`),
    'without any checksum': rawDelete(
      (_, objects) => `<Delete>${listing(objects)}</Delete>`,
      () => ({}),
    ),
    'with a wrong MD5': rawDelete(
      (_, objects) => `<Delete>${listing(objects)}</Delete>`,
      () => ({ 'content-md5': md5('other') }),
    ),
    'with a namespace': rawDelete(
      (_, objects) => `<?xml version="1.0"?>\n<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n ${listing(objects)}\n</Delete>`,
    ),
    'with references': rawDelete(
      (t) => `<Delete><Object><Key>${t.key('')}&#97;</Key></Object><Object><Key>${t.key('')}&#x62;</Key></Object></Delete>`,
    ),
    'with CDATA': rawDelete((t) => `<Delete><Object><Key><![CDATA[${t.key('a')}]]></Key></Object></Delete>`),
    'with a comment': rawDelete((_, objects) => `<Delete><!-- ${'x'.repeat(50)} -->${listing(objects)}</Delete>`),
    'with unknown elements': rawDelete((_, objects) => `<Delete><Foo>1</Foo>${listing(objects)}</Delete>`),
    'with a space around the key': rawDelete((t) => `<Delete><Object><Key> ${t.key('a')} </Key></Object></Delete>`),
    malformed: rawDelete((_, objects) => `<Delete>${listing(objects)}`),
    empty: rawDelete(() => ''),
    'not of that kind': rawDelete(() => '<Tagging/>'),
    'with a document type': rawDelete((_, objects) => `<!DOCTYPE a [<!ENTITY b "c">]><Delete>${listing(objects)}</Delete>`),
    'in a missing bucket': async (t) =>
      t.may(t.s3.deleteObjects({ Bucket: 'hotbucket-conform-no-such-bucket', Delete: { Objects: [{ Key: 'a' }] } })),
  },
}

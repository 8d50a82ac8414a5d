import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal, type S3ErrorCode } from './errors.ts'
import { MAX_DELETE_XML_BYTES, parseCompleteMultipartUpload, parseCreateBucket, parseDeleteObjects } from './request-xml.ts'
import { readXml, S3_NAMESPACE, writeXml } from './xml.ts'

function refused(read: () => unknown, code: S3ErrorCode = 'MalformedXML', hint?: string): void {
  assert.throws(read, (error) => error instanceof Refusal && error.code === code, hint)
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

test('writeXml() writes elements in order, escaped, and leaves out what is undefined', () => {
  const xml = writeXml(
    [
      'ListBucketResult',
      [['Name', 'a&b'], ['KeyCount', 2], ['IsTruncated', false], undefined, ['Contents', [['Key', utf8('é<')]]], ['Empty', []]],
    ],
    { namespace: S3_NAMESPACE },
  )
  assert.equal(
    xml,
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>a&amp;b</Name>' +
      '<KeyCount>2</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>&#xE9;&lt;</Key></Contents><Empty></Empty></ListBucketResult>',
  )
})

test('readXml() gives back every text that writeXml() wrote', () => {
  const text = fc
    .string({ unit: 'binary', maxLength: 30 })
    .filter((made) => !/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(made))
  fc.assert(
    fc.property(text, (made) => {
      const root = readXml(Buffer.from(writeXml(['Delete', [['Key', utf8(made)]]])), 10_000)
      assert.equal(root.children[0]?.text, utf8(made))
    }),
  )
})

test('readXml() resolves the five entities, references and CDATA, once', () => {
  const text = (inner: string): string | undefined => readXml(Buffer.from(`<a>${inner}</a>`), 1000).text
  assert.equal(text('&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;'), utf8('<>&"\'A😀'))
  assert.equal(text('&amp;lt;'), '&lt;')
  assert.equal(text('<![CDATA[&amp;<b>]]>x'), '&amp;<b>x')
  assert.equal(text('a<!-- no --> b '), 'a b ')
  assert.equal(text('constructor'), 'constructor')
})

test('readXml() refuses what S3 bodies never have', () => {
  const cases = [
    '',
    'x',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a>&nbsp;</a>',
    '<a>&</a>',
    '<a>&#0;</a>',
    '<a>&#xD800;</a>',
    '<a>&#x110000;</a>',
    '<a>&lt</a>',
  ]
  cases.push(
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<!doctype a><a/>',
    '<?xml version="1.0" encoding="UTF-16"?><a/>',
  )
  cases.push(`${'<a>'.repeat(40)}${'</a>'.repeat(40)}`, '<a>\u0000</a>')
  for (const text of cases.slice(0, -1)) refused(() => readXml(Buffer.from(text), 1000), 'MalformedXML', text)
  refused(() => readXml(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]), 1000))
  refused(() => readXml(Buffer.from('<a></a>'), 6), 'MaxMessageLengthExceeded')
})

test('readXml() lets no name reach into JavaScript objects', () => {
  refused(() => readXml(Buffer.from('<a><__proto__><polluted>1</polluted></__proto__></a>'), 1000))
  assert.equal(readXml(Buffer.from('<a><toString>3</toString></a>'), 1000).children[0]?.text, '3')
  assert.ok(!('polluted' in {}))
})

test('parseDeleteObjects() reads keys exactly, with version and in quiet mode', () => {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
    <Delete xmlns="${S3_NAMESPACE}"><Quiet>true</Quiet>
      <Object><Key> a/../é&amp;&#10; </Key></Object>
      <Object><Key>k</Key><VersionId>v1</VersionId><ETag>"e"</ETag></Object>
    </Delete>`
  assert.deepEqual(parseDeleteObjects(Buffer.from(xml)), {
    quiet: true,
    objects: [
      { key: utf8(' a/../é&\n '), versionId: undefined, etag: undefined },
      { key: 'k', versionId: 'v1', etag: '"e"' },
    ],
  })
  const prefixed = '<s3:Delete xmlns:s3="x"><s3:Object><s3:Key>007</s3:Key></s3:Object></s3:Delete>'
  assert.deepEqual(parseDeleteObjects(Buffer.from(prefixed)).objects[0]?.key, '007')
})

test('parseDeleteObjects() refuses bodies in which a key could hide', () => {
  const object = '<Object><Key>k</Key></Object>'
  const cases = ['<Delete/>', '<Other/>', '<Delete><Object/></Delete>', '<Delete><Object><Key/></Object></Delete>']
  cases.push('<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>', '<Delete><Object><Key>a<b>c</b></Key></Object></Delete>')
  cases.push(`<Delete>${object}<object><Key>x</Key></object></Delete>`, `<Delete>${object.repeat(1001)}</Delete>`)
  for (const xml of cases) refused(() => parseDeleteObjects(Buffer.from(xml)), 'MalformedXML', xml.slice(0, 80))
  assert.equal(parseDeleteObjects(Buffer.from(`<Delete>${object.repeat(1000)}</Delete>`)).objects.length, 1000)
  refused(() => parseDeleteObjects(Buffer.alloc(MAX_DELETE_XML_BYTES + 1, 32)), 'MaxMessageLengthExceeded')
})

test('parseCompleteMultipartUpload() reads parts in ascending order', () => {
  const part = (number: number | string, etag = '"e"', more = ''): string =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${more}</Part>`
  const read = (...parts: string[]): unknown =>
    parseCompleteMultipartUpload(Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`))
  assert.deepEqual(read(part(1), part(10_000, '&quot;f&quot;', '<ChecksumCRC32>AAAAAA==</ChecksumCRC32>')), [
    { partNumber: 1, etag: '"e"', checksums: new Map() },
    { partNumber: 10_000, etag: '"f"', checksums: new Map([['ChecksumCRC32', 'AAAAAA==']]) },
  ])
  refused(() => read(part(2), part(1)), 'InvalidPartOrder')
  refused(() => read(part(1), part(1)), 'InvalidPartOrder')
  refused(() => read(part(0)), 'InvalidArgument')
  refused(() => read(part(10_001)), 'InvalidArgument')
  for (const wrong of ['', part('x'), part(''), '<Part><ETag>e</ETag></Part>', '<Part><PartNumber>1</PartNumber></Part>'])
    refused(() => read(wrong))
})

test('parseCreateBucket() finds the region where there is one', () => {
  const body = (inner: string): Buffer =>
    Buffer.from(`<CreateBucketConfiguration xmlns="${S3_NAMESPACE}">${inner}</CreateBucketConfiguration>`)
  assert.equal(parseCreateBucket(Buffer.alloc(0)), undefined)
  assert.equal(parseCreateBucket(body('')), undefined)
  assert.equal(parseCreateBucket(body('<LocationConstraint>eu-west-1</LocationConstraint>')), 'eu-west-1')
  refused(() => parseCreateBucket(Buffer.from('<x/>')))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteSource } from '../../base/byte-source.ts'
import { collect, sourceOf } from '../../base/byte-source.ts'
import { Refusal } from '../errors.ts'
import { readForm, renderFields, type FormUpload } from './form.ts'

const TYPE = 'multipart/form-data; boundary=xYz'

function part(name: string, value: string, more = ''): string {
  return `--xYz\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
}

/** The form in pieces of `size` bytes. */
function inPieces(form: string, size: number): ByteSource {
  const bytes = Buffer.from(form, 'latin1')
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return sourceOf(...pieces)
}

async function read(form: string, size = form.length, type = TYPE): Promise<FormUpload & { rest: string }> {
  const upload = await readForm(inPieces(form, size), type)
  const rest = Buffer.from((await collect(upload.file, 10_000_000)) ?? []).toString('latin1')
  return { ...upload, rest }
}

function failsWith(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Refusal, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
}

test('readForm() gives fields by name in lower case, and the file byte for byte, however the form is cut', async () => {
  const file = 'a\r\n--xY\r\n--xyz--\r\n\0\xff\r\n'
  const head = part('Key', 'uploads/\xc3\xa9\r\n\r\nline') + part('Policy', 'e30=') + part('empty', '')
  const form = `${head}${part('file', file, '; filename="na me.txt"\r\nContent-Type: text/plain')}--xYz--\r\n`
  for (const size of [1, 2, 3, 7, 64, 1000, form.length]) {
    const upload = await read(form, size)
    assert.deepEqual(upload.fields, [
      { name: 'key', value: 'uploads/\xc3\xa9\r\n\r\nline' },
      { name: 'policy', value: 'e30=' },
      { name: 'empty', value: '' },
    ])
    assert.equal(upload.fileName, 'na me.txt')
    assert.equal(upload.head, head)
    assert.equal(upload.head + upload.rest, form)
  }
})

test('readForm() knows boundaries in quotes, bare names, and a form that ends without a line', async () => {
  const form =
    '--a b:c\r\ncontent-disposition: form-data; NAME=key\r\n\r\nk\r\n--a b:c\r\nContent-Disposition: form-data; name=file\r\n\r\n\r\n--a b:c--'
  const upload = await read(form, 5, 'Multipart/Form-Data; charset=utf-8; Boundary="a b:c"')
  assert.deepEqual(upload.fields, [{ name: 'key', value: 'k' }])
  assert.equal(upload.fileName, undefined)
})

const FILE = part('file', 'x')
const MALFORMED: Readonly<Record<string, string>> = {
  'nothing at all': '',
  'no file': `${part('key', 'k')}--xYz--\r\n`,
  'another boundary': part('key', 'k').replaceAll('xYz', 'abc'),
  'words before the first part': `preamble\r\n${part('key', 'k')}${FILE}--xYz--\r\n`,
  'a field twice': `${part('key', 'k')}${part('KEY', 'l')}${FILE}--xYz--\r\n`,
  'a field after the file': `${part('key', 'k')}${FILE}${part('key', 'l')}--xYz--\r\n`,
  'a second file': `${part('key', 'k')}${FILE}${FILE}--xYz--\r\n`,
  'words after the end': `${part('key', 'k')}${FILE}--xYz--\r\nmore`,
  'an end that is none': `${part('key', 'k')}${FILE}--xYzz--\r\n`,
  'an end within the file': `${part('key', 'k')}${part('file', 'x').slice(0, -3)}`,
  'a part without a name': `--xYz\r\nContent-Disposition: form-data\r\n\r\nv\r\n${FILE}--xYz--\r\n`,
  'a part with two names': `--xYz\r\nContent-Disposition: form-data; name="a"; name="key"\r\n\r\nv\r\n${FILE}--xYz--\r\n`,
  'a part without a disposition': `--xYz\r\nContent-Type: text/plain\r\n\r\nv\r\n${FILE}--xYz--\r\n`,
}

for (const [what, form] of Object.entries(MALFORMED)) {
  test(`readForm() refuses a form with ${what}`, async () => {
    for (const size of [1, 10, 1000]) await assert.rejects(read(form, size), failsWith('MalformedPOSTRequest'))
  })
}

test('readForm() refuses a Content-Type without a usable boundary', async () => {
  for (const type of ['multipart/form-data', 'multipart/form-data; boundary=', `multipart/form-data; boundary=${'b'.repeat(71)}`]) {
    await assert.rejects(read(FILE, 10, type), failsWith('MalformedPOSTRequest'))
  }
})

test('readForm() gathers no more than 64 KiB before the file, and nothing of the file', async () => {
  const fits = await read(`${part('key', 'k'.repeat(64 * 1024 - 200))}${FILE}--xYz--\r\n`, 1000)
  assert.equal(fits.fields.length, 1)
  await assert.rejects(read(part('key', 'k'.repeat(70_000)), 1000), failsWith('MaxPostPreDataLengthExceededError'))
  const large = await read(`${part('key', 'k')}${part('file', 'f'.repeat(300_000))}--xYz--\r\n`, 65_536)
  assert.ok(large.rest.includes('f'.repeat(300_000)))
})

test('renderFields() writes what readForm() reads', async () => {
  const fields = [
    { name: 'key', value: 'a\xc3\xa9 "b"' },
    { name: 'x-amz-meta-a', value: '' },
  ]
  assert.deepEqual((await read(`${renderFields('xYz', fields)}${FILE}--xYz--\r\n`)).fields, fields)
})

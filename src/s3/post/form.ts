import type { ByteSource } from '../../base/byte-source.ts'
import { Refusal } from '../errors.ts'

/**
 * Browser form uploads (S3 API reference, "POST Object"; RFC 7578): fields first, the file last.
 *
 * Deliberate differences from S3: a field that comes twice, and anything after the file, is refused, because origins differ in what they
 * make of it; the last part of the body must be `--boundary--`.
 */

/** One field before the file. */
export interface FormField {
  /** In lower case: S3 reads names in any case. */
  readonly name: string
  /** Bytes as latin1. */
  readonly value: string
}

export interface FormUpload {
  readonly boundary: string
  readonly fields: readonly FormField[]
  /** The name that the client's machine had for the file, as it stands in the form; undefined without one. */
  readonly fileName: string | undefined
  /** The form from the delimiter of the file on, byte for byte. */
  readonly file: ByteSource
  /** What came before that, byte for byte as latin1. */
  readonly head: string
}

/** What S3 replaces in a key by the name of the uploaded file. */
export const FILE_NAME_VARIABLE = '${filename}'

/** S3 allows 20 KB of fields; some room for part headers. */
const MAX_HEAD_BYTES = 64 * 1024
const MAX_FIELDS = 200
const MAX_BOUNDARY_LENGTH = 70

/** Reads the fields of a form; the file stays to be read. Throws Refusal MalformedPOSTRequest, MaxPostPreDataLengthExceededError. */
export async function readForm(body: ByteSource, contentType: string): Promise<FormUpload> {
  const boundary = boundaryOf(contentType)
  const delimiter = `--${boundary}`
  let text = ''
  for (;;) {
    const head = parseHead(text, delimiter)
    if (head !== undefined) {
      const rest = Buffer.from(text.slice(head.fileAt), 'latin1')
      return { boundary, ...head, file: new FilePart(rest, body, `\r\n${delimiter}`), head: text.slice(0, head.fileAt) }
    }
    if (text.length > MAX_HEAD_BYTES) throw new Refusal('MaxPostPreDataLengthExceededError')
    const chunk = await body.read()
    if (chunk === undefined) throw malformed('it has no file, or ends before it')
    text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
  }
}

/** The bytes that stand for fields in a form. Names and values come from `readForm` or are ours. */
export function renderFields(boundary: string, fields: readonly FormField[]): string {
  return fields.map(({ name, value }) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join('')
}

/** The value of a field, by its name in lower case. */
export function formValue(fields: readonly FormField[], name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value
}

function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType)
  const boundary = match?.[1] ?? match?.[2] ?? ''
  if (boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH || !/^[\x20-\x7e]*[\x21-\x7e]$/.test(boundary)) {
    throw malformed('Content-Type names no boundary')
  }
  return boundary
}

interface FormHead {
  readonly fields: readonly FormField[]
  readonly fileName: string | undefined
  /** Where the file's delimiter begins. */
  readonly fileAt: number
}

/** The fields, once the head of the file part is here; undefined before. */
function parseHead(text: string, delimiter: string): FormHead | undefined {
  const fields: FormField[] = []
  let at = 0
  while (text.length >= at + delimiter.length + 2) {
    if (!text.startsWith(`${delimiter}\r\n`, at)) throw malformed('a part does not begin with the boundary')
    const headersAt = at + delimiter.length + 2
    const headersEnd = text.indexOf('\r\n\r\n', headersAt)
    if (headersEnd < 0) return undefined
    const part = parseDisposition(text.slice(headersAt, headersEnd))
    if (part.name === 'file') return { fields, fileName: part.fileName, fileAt: at }
    const valueAt = headersEnd + 4
    const valueEnd = text.indexOf(`\r\n${delimiter}`, valueAt)
    if (valueEnd < 0) return undefined
    if (fields.some(({ name }) => name === part.name) || fields.length === MAX_FIELDS) throw malformed(`field "${part.name}" comes twice`)
    fields.push({ name: part.name, value: text.slice(valueAt, valueEnd) })
    at = valueEnd + 2
  }
  return undefined
}

/** Name and file name of a part. Names that would need quoting are no S3 fields. */
function parseDisposition(headers: string): { readonly name: string; readonly fileName: string | undefined } {
  const lines = headers.split('\r\n').filter((line) => /^content-disposition\s*:/i.test(line))
  const [line] = lines
  if (lines.length !== 1 || line === undefined || !/^content-disposition:\s*form-data\s*(?:;|$)/i.test(line)) {
    throw malformed('a part has no Content-Disposition')
  }
  const names = [...line.matchAll(/;\s*name=(?:"([^"\\]*)"|([^\s;"]+))/gi)]
  const name = (names[0]?.[1] ?? names[0]?.[2] ?? '').toLowerCase()
  if (names.length !== 1 || !/^[\x21-\x7e]{1,256}$/.test(name)) throw malformed('a part has no usable name')
  const file = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/i.exec(line)
  return { name, fileName: file?.[1] ?? file?.[2] }
}

/** The file part to the end of the form. `read` rejects with a Refusal where another part follows it, before that is given out. */
class FilePart implements ByteSource {
  readonly length = undefined
  readonly #source: ByteSource
  readonly #delimiter: Buffer
  /** What was read and may hold the beginning of the delimiter. */
  #held: Buffer
  #first = true
  #ended = false

  constructor(begun: Buffer, source: ByteSource, delimiter: string) {
    this.#held = begun
    this.#source = source
    this.#delimiter = Buffer.from(delimiter, 'latin1')
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined
    for (;;) {
      if (!this.#first) {
        const chunk = await this.#source.read()
        if (chunk === undefined) throw malformed('it ends within the file')
        this.#held = Buffer.concat([this.#held, chunk])
      }
      this.#first = false
      const end = this.#held.indexOf(this.#delimiter)
      if (end >= 0) return this.#last(end)
      const safe = this.#held.length - this.#delimiter.length
      if (safe <= 0) continue
      const piece = this.#held.subarray(0, safe)
      this.#held = this.#held.subarray(safe)
      return piece
    }
  }

  /** What follows the file must be the end of the form, to the byte. */
  async #last(end: number): Promise<Uint8Array> {
    const closing = end + this.#delimiter.length
    for (let chunk = await this.#source.read(); chunk !== undefined; chunk = await this.#source.read()) {
      this.#held = Buffer.concat([this.#held, chunk])
      if (this.#held.length > closing + 4) break
    }
    const after = this.#held.subarray(closing).toString('latin1')
    if (after !== '--' && after !== '--\r\n') {
      this.cancel(new Error('the form goes on'))
      throw malformed('something follows the file')
    }
    this.#ended = true
    return this.#held
  }

  cancel(reason: Error): void {
    this.#ended = true
    this.#source.cancel(reason)
  }
}

function malformed(why: string): Refusal {
  return new Refusal('MalformedPOSTRequest', { message: `The body of your POST request is not well-formed multipart/form-data: ${why}` })
}

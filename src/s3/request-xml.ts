import { Refusal } from './errors.ts'
import { readXml, type XmlElement } from './xml.ts'

/** 1,000 keys of 1,024 bytes, each byte perhaps written as an entity. */
export const MAX_DELETE_XML_BYTES = 2 * 1024 * 1024
/** 10,000 parts with an ETag and a checksum each. */
export const MAX_COMPLETE_XML_BYTES = 4 * 1024 * 1024
export const MAX_CREATE_BUCKET_XML_BYTES = 64 * 1024

const MAX_DELETE_KEYS = 1000
const MAX_PARTS = 10_000

/** The body of DeleteObjects. Keys are bytes as latin1. */
export interface DeleteObjectsBody {
  readonly quiet: boolean
  readonly objects: readonly { readonly key: string; readonly versionId: string | undefined; readonly etag: string | undefined }[]
}

/** Reads a DeleteObjects body: 1 to 1,000 keys. Throws Refusal MalformedXML, so that no key can go to an origin unseen. */
export function parseDeleteObjects(body: Uint8Array): DeleteObjectsBody {
  const root = rootOf(readXml(body, MAX_DELETE_XML_BYTES), 'Delete')
  const objects: DeleteObjectsBody['objects'][number][] = []
  let quiet = false
  for (const child of root.children) {
    if (child.name === 'Quiet') quiet = child.text.trim().toLowerCase() === 'true'
    else if (child.name === 'Object') {
      const key = only(child, 'Key')
      if (key === undefined || key === '') throw new Refusal('MalformedXML')
      objects.push({ key, versionId: only(child, 'VersionId'), etag: only(child, 'ETag') })
    } else throw new Refusal('MalformedXML')
  }
  if (objects.length === 0 || objects.length > MAX_DELETE_KEYS) throw new Refusal('MalformedXML')
  return { quiet, objects }
}

/** One part as CompleteMultipartUpload names it. */
export interface CompletedPart {
  readonly partNumber: number
  /** As the client wrote it, with or without quotes. */
  readonly etag: string
  /** Checksum elements: name as in XML (`ChecksumCRC32`) to base64 value. */
  readonly checksums: ReadonlyMap<string, string>
}

/** Reads a CompleteMultipartUpload body. Throws Refusal MalformedXML, InvalidPartOrder, InvalidArgument. */
export function parseCompleteMultipartUpload(body: Uint8Array): readonly CompletedPart[] {
  const root = rootOf(readXml(body, MAX_COMPLETE_XML_BYTES), 'CompleteMultipartUpload')
  const parts = root.children.filter((child) => child.name === 'Part').map(readPart)
  if (parts.length === 0 || parts.length > MAX_PARTS) throw new Refusal('MalformedXML')
  for (let i = 1; i < parts.length; i++) {
    if ((parts[i]?.partNumber ?? 0) <= (parts[i - 1]?.partNumber ?? 0)) throw new Refusal('InvalidPartOrder')
  }
  return parts
}

function readPart(part: XmlElement): CompletedPart {
  const digits = only(part, 'PartNumber')?.trim()
  const etag = only(part, 'ETag')?.trim()
  if (digits === undefined || etag === undefined || !/^\d{1,6}$/.test(digits)) throw new Refusal('MalformedXML')
  const partNumber = Number(digits)
  if (partNumber < 1 || partNumber > MAX_PARTS) {
    throw new Refusal('InvalidArgument', { message: `PartNumber must be an integer between 1 and ${MAX_PARTS}, inclusive` })
  }
  const checksums = part.children.filter((child) => child.name.startsWith('Checksum'))
  return { partNumber, etag, checksums: new Map(checksums.map((child) => [child.name, child.text.trim()])) }
}

/** The region that a CreateBucket body asks for; undefined for an empty body or where it names none. */
export function parseCreateBucket(body: Uint8Array): string | undefined {
  if (body.length === 0) return undefined
  const root = rootOf(readXml(body, MAX_CREATE_BUCKET_XML_BYTES), 'CreateBucketConfiguration')
  const constraint = only(root, 'LocationConstraint')?.trim()
  return constraint === '' ? undefined : constraint
}

function rootOf(root: XmlElement, name: string): XmlElement {
  if (root.name !== name) throw new Refusal('MalformedXML')
  return root
}

/** The text of the one child of that name. Two of them are refused: origins differ in which they take. */
function only(element: XmlElement, name: string): string | undefined {
  const found = element.children.filter((child) => child.name === name)
  if (found.length > 1 || (found[0]?.children.length ?? 0) > 0) throw new Refusal('MalformedXML')
  return found[0]?.text
}

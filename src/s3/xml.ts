import type * as FastXmlParser from 'fast-xml-parser'
import { createRequire } from 'node:module'
import { Refusal } from './errors.ts'
import { escapeXml } from './xml-escape.ts'

/** The namespace of every S3 document but errors. */
export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** Deeper than any S3 request body. */
const MAX_NESTED_ELEMENTS = 16

/** An element to write: a name and its text, or its children; undefined children are left out. Text is a latin1 view of UTF-8 bytes. */
export type XmlContent = string | number | boolean | readonly (XmlNode | undefined)[]
export type XmlNode = readonly [name: string, content: XmlContent]

/** An element that was read. Names are without namespace prefix. */
export interface XmlElement {
  readonly name: string
  /** All text in it, entities resolved, as a latin1 view of its UTF-8 bytes; whitespace kept. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

/** A whole document, in ASCII. */
export function writeXml(root: XmlNode, options: { readonly namespace?: string } = {}): string {
  const [name, content] = root
  const attribute = options.namespace === undefined ? '' : ` xmlns="${escapeXml(options.namespace)}"`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${attribute}>${writeContent(content)}</${name}>`
}

function writeContent(content: XmlContent): string {
  if (typeof content === 'string') return escapeXml(content)
  if (typeof content !== 'object') return String(content)
  let xml = ''
  for (const node of content) if (node !== undefined) xml += `<${node[0]}>${writeContent(node[1])}</${node[0]}>`
  return xml
}

/**
 * Reads a request body. Refuses what S3's bodies never have and parsers were attacked with: document types, entities of one's own,
 * deep nesting, encodings other than UTF-8. Throws Refusal MalformedXML, or MaxMessageLengthExceeded over `maxBytes`.
 */
export function readXml(body: Uint8Array, maxBytes: number): XmlElement {
  if (body.length > maxBytes) throw new Refusal('MaxMessageLengthExceeded', { fields: { MaxMessageLengthBytes: String(maxBytes) } })
  const text = decodeUtf8(body)
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw malformed()
  let nodes: unknown
  try {
    const { XMLParser, XMLValidator } = loadParser()
    if (XMLValidator.validate(text) !== true) throw malformed()
    nodes = new XMLParser(PARSER_OPTIONS).parse(text)
  } catch (cause) {
    throw malformed(cause)
  }
  const roots = elementsOf(nodes)
  const root = roots[0]
  if (root === undefined || roots.length !== 1) throw malformed()
  return root
}

const PARSER_OPTIONS = {
  preserveOrder: true,
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  htmlEntities: false,
  cdataPropName: '#cdata',
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: MAX_NESTED_ELEMENTS,
} as const

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function decodeUtf8(body: Uint8Array): string {
  let text: string
  try {
    text = UTF8.decode(body)
  } catch (cause) {
    throw malformed(cause)
  }
  const encoding = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']/.exec(text)?.[1]
  if (encoding !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(encoding.toLowerCase())) throw malformed()
  return text
}

/** The parser gives `[{ Name: [children] }, { '#text': 'text' }, …]`. */
function elementsOf(nodes: unknown): XmlElement[] {
  const elements: XmlElement[] = []
  for (const [name, content] of entriesOf(nodes)) {
    if (name === '#text' || name === '#cdata') continue
    elements.push({ name, text: textOf(content), children: elementsOf(content) })
  }
  return elements
}

function textOf(nodes: unknown): string {
  let text = ''
  for (const [name, content] of entriesOf(nodes)) {
    if (name === '#text') text += resolveEntities(String(content))
    else if (name === '#cdata') for (const [, piece] of entriesOf(content)) text += String(piece)
  }
  return Buffer.from(text, 'utf8').toString('latin1')
}

function entriesOf(nodes: unknown): [string, unknown][] {
  if (!Array.isArray(nodes)) throw malformed()
  return nodes.flatMap((node: unknown) => (typeof node === 'object' && node !== null ? Object.entries(node).slice(0, 1) : []))
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The five entities that XML has by itself, and character references; anything else is malformed without a document type. */
function resolveEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,16});?/g, (whole, name: string) => {
    const known = ENTITIES[name]
    if (known !== undefined && whole.endsWith(';')) return known
    const reference = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name)
    const code = reference === null ? Number.NaN : Number.parseInt(reference[1] ?? reference[2] ?? '', reference[1] === undefined ? 10 : 16)
    const valid = whole.endsWith(';') && code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
    if (!valid) throw malformed()
    return String.fromCodePoint(code)
  })
}

function malformed(cause?: unknown): Refusal {
  return cause instanceof Refusal ? cause : new Refusal('MalformedXML', { cause })
}

/** Loaded by the first document that is read: it takes 4 MiB in every worker, and many never see one. */
function loadParser(): typeof FastXmlParser {
  return (parser ??= createRequire(import.meta.url)('fast-xml-parser') as typeof FastXmlParser)
}

let parser: typeof FastXmlParser | undefined

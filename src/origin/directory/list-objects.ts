import { lstat } from 'node:fs/promises'
import { Refusal } from '../../s3/errors.ts'
import { percentEncodePath } from '../../s3/percent.ts'
import { queryValue } from '../../s3/query.ts'
import type { XmlNode } from '../../s3/xml.ts'
import type { OriginResponse } from '../origin.ts'
import { xmlAnswer } from './answer.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore } from './directory-store.ts'
import { fsPath } from './directory-tree.ts'
import { ifPresent } from './errno.ts'
import { fileVersion } from './file-version.ts'
import { walkKeys, type WalkCursor, type WalkedKey } from './key-walk.ts'
import { objectFacts, type ObjectFacts } from './read-object.ts'

/** Who owns everything, in answers that name an owner. */
export const OWNER: XmlNode = [
  'Owner',
  [
    ['ID', 'hotbucket'],
    ['DisplayName', 'hotbucket'],
  ],
]

const MAX_KEYS = 1000
/** Files of a page that are looked at together. */
const STAT_CONCURRENCY = 32

/** What a listing asks for; texts are latin1 bytes. */
interface ListQuery {
  readonly prefix: string
  readonly delimiter: string
  readonly maxKeys: number
  readonly urlEncoded: boolean
}

/** A key, or a group of keys up to a delimiter. */
type ListItem =
  | { readonly kind: 'key'; readonly name: string; readonly walked: WalkedKey }
  | { readonly kind: 'group'; readonly name: string }

interface ListPage {
  readonly items: readonly ListItem[]
  readonly truncated: boolean
}

/** ListObjectsV2. */
export async function listObjectsV2(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, query } = call
  await store.tree.requireBucket(bucket)
  const list = parseList(call)
  const token = queryValue(query, 'continuation-token')
  const startAfter = queryValue(query, 'start-after') ?? ''
  const page = await readPage(store, bucket, list, token === undefined ? { after: startAfter, skipPrefix: undefined } : readToken(token))
  const items = await describe(store, bucket, page.items)
  const last = page.items.at(-1)
  return xmlAnswer([
    'ListBucketResult',
    [
      ...commonNodes(bucket, list, page.truncated),
      ['KeyCount', items.length],
      token === undefined ? undefined : ['ContinuationToken', token],
      page.truncated && last !== undefined ? ['NextContinuationToken', writeToken(last)] : undefined,
      queryValue(query, 'start-after') === undefined ? undefined : ['StartAfter', encodeFor(list, startAfter)],
      ...itemNodes(items, list, queryValue(query, 'fetch-owner') === 'true'),
    ],
  ])
}

/** ListObjects, the older version. */
export async function listObjectsV1(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, query } = call
  await store.tree.requireBucket(bucket)
  const list = parseList(call)
  const marker = queryValue(query, 'marker') ?? ''
  // A marker may be a group that the page before ended with.
  const endsInGroup = list.delimiter !== '' && marker.startsWith(list.prefix) && marker.slice(list.prefix.length).endsWith(list.delimiter)
  const page = await readPage(store, bucket, list, { after: marker, skipPrefix: endsInGroup ? marker : undefined })
  const items = await describe(store, bucket, page.items)
  const last = page.items.at(-1)
  return xmlAnswer([
    'ListBucketResult',
    [
      ...commonNodes(bucket, list, page.truncated),
      ['Marker', encodeFor(list, marker)],
      page.truncated && last !== undefined && list.delimiter !== '' ? ['NextMarker', encodeFor(list, last.name)] : undefined,
      ...itemNodes(items, list, true),
    ],
  ])
}

/** Whether a bucket holds any object at all. */
export async function hasObjects(store: DirectoryStore, bucket: string): Promise<boolean> {
  const cursor: WalkCursor = { prefix: '', after: '', skipPrefix: undefined }
  const first = await walkKeys(await store.tree.bucketPath(bucket), '', cursor).next()
  return first.done !== true
}

/** The value of `max-keys` and its relatives. Throws Refusal InvalidArgument. */
export function parseMax(value: string | undefined, name: string, limit: number): number {
  if (value === undefined || value === '') return limit
  if (!/^\d{1,10}$/.test(value)) throw new Refusal('InvalidArgument', { fields: { ArgumentName: name, ArgumentValue: value } })
  return Math.min(Number(value), limit)
}

/** Whether `encoding-type=url` was asked for. Throws Refusal InvalidArgument for any other. */
export function parseEncoding(call: DirectoryCall): boolean {
  const value = queryValue(call.query, 'encoding-type')
  if (value === undefined || value === 'url') return value === 'url'
  throw new Refusal('InvalidArgument', {
    message: 'Invalid Encoding Method specified in Request',
    fields: { ArgumentName: 'encoding-type', ArgumentValue: value },
  })
}

function parseList(call: DirectoryCall): ListQuery {
  const { query } = call
  return {
    prefix: queryValue(query, 'prefix') ?? '',
    delimiter: queryValue(query, 'delimiter') ?? '',
    maxKeys: parseMax(queryValue(query, 'max-keys'), 'max-keys', MAX_KEYS),
    urlEncoded: parseEncoding(call),
  }
}

/** One page; one item more is looked for, to know whether another page follows. */
async function readPage(
  store: DirectoryStore,
  bucket: string,
  list: ListQuery,
  from: Pick<WalkCursor, 'after' | 'skipPrefix'>,
): Promise<ListPage> {
  const items: ListItem[] = []
  if (list.maxKeys === 0) return { items, truncated: false }
  const keyPrefix = list.prefix.slice(0, list.prefix.lastIndexOf('/') + 1)
  const directory = await store.tree.prefixDirectory(bucket, keyPrefix)
  if (directory === undefined) return { items, truncated: false }
  const cursor: WalkCursor = { prefix: list.prefix, ...from }
  for await (const walked of walkKeys(directory, keyPrefix, cursor)) {
    if (items.length === list.maxKeys) return { items, truncated: true }
    const at = list.delimiter === '' ? -1 : walked.key.indexOf(list.delimiter, list.prefix.length)
    if (at < 0) {
      items.push({ kind: 'key', name: walked.key, walked })
      continue
    }
    const group = walked.key.slice(0, at + list.delimiter.length)
    items.push({ kind: 'group', name: group })
    cursor.skipPrefix = group
  }
  return { items, truncated: false }
}

type DescribedItem =
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'key'; readonly name: string; readonly facts: ObjectFacts }

/** Adds what is told of each object. An object that went since its name was read is left out. */
async function describe(store: DirectoryStore, bucket: string, items: readonly ListItem[]): Promise<DescribedItem[]> {
  const described: DescribedItem[] = []
  for (let at = 0; at < items.length; at += STAT_CONCURRENCY) {
    const some = await Promise.all(items.slice(at, at + STAT_CONCURRENCY).map((item) => describeItem(store, bucket, item)))
    described.push(...some.filter((item) => item !== undefined))
  }
  return described
}

async function describeItem(store: DirectoryStore, bucket: string, item: ListItem): Promise<DescribedItem | undefined> {
  if (item.kind === 'group') return item
  const stats = await ifPresent(lstat(fsPath(item.walked.path), { bigint: true }))
  if (stats?.isFile() !== true) return undefined
  const facts = await objectFacts(store, { bucket, key: item.name, version: fileVersion(stats) })
  return { kind: 'key', name: item.name, facts }
}

function commonNodes(bucket: string, list: ListQuery, truncated: boolean): (XmlNode | undefined)[] {
  return [
    ['Name', bucket],
    ['Prefix', encodeFor(list, list.prefix)],
    list.delimiter === '' ? undefined : ['Delimiter', encodeFor(list, list.delimiter)],
    ['MaxKeys', list.maxKeys],
    list.urlEncoded ? ['EncodingType', 'url'] : undefined,
    ['IsTruncated', truncated],
  ]
}

/** S3 writes the keys first and the groups after them; some clients read no other order. */
function itemNodes(items: readonly DescribedItem[], list: ListQuery, withOwner: boolean): XmlNode[] {
  const nodes = (kind: DescribedItem['kind']): XmlNode[] =>
    items.filter((item) => item.kind === kind).map((item) => itemNode(item, list, withOwner))
  return [...nodes('key'), ...nodes('group')]
}

function itemNode(item: DescribedItem, list: ListQuery, withOwner: boolean): XmlNode {
  if (item.kind === 'group') return ['CommonPrefixes', [['Prefix', encodeFor(list, item.name)]]]
  const { version, validators } = item.facts
  return [
    'Contents',
    [
      ['Key', encodeFor(list, item.name)],
      ['LastModified', new Date(Number(version.mtimeNs / 1_000_000n)).toISOString()],
      ['ETag', validators.etag],
      ['Size', version.sizeBytes],
      withOwner ? OWNER : undefined,
      ['StorageClass', 'STANDARD'],
    ],
  ]
}

function encodeFor(list: ListQuery, text: string): string {
  return list.urlEncoded ? percentEncodePath(text) : text
}

/** Continuation tokens are opaque: the kind and name of the last item of a page, in base64url. */
function writeToken(item: ListItem): string {
  return Buffer.from(`${item.kind === 'group' ? 'g' : 'k'}${item.name}`, 'latin1').toString('base64url')
}

function readToken(token: string): { readonly after: string; readonly skipPrefix: string | undefined } {
  const text = Buffer.from(token, 'base64url').toString('latin1')
  const name = text.slice(1)
  if (text.startsWith('k') && name !== '') return { after: name, skipPrefix: undefined }
  if (text.startsWith('g') && name !== '') return { after: name, skipPrefix: name }
  throw new Refusal('InvalidArgument', {
    message: 'The continuation token provided is incorrect',
    fields: { ArgumentName: 'continuation-token' },
  })
}

import { collect } from '../base/byte-source.ts'
import { BODILESS, OriginFailure, type Origin } from '../origin/origin.ts'
import { queryValue } from '../s3/query.ts'
import { readXml, S3_NAMESPACE, writeXml, type XmlElement, type XmlNode } from '../s3/xml.ts'
import { answer } from './answer.ts'
import type { RequestContext } from './context.ts'
import { replyFields } from './reply.ts'

const LIST_BYTES_MAX = 8 * 1024 * 1024

/** Names the origins that gave no list, where others did. */
const INCOMPLETE_FIELD = 'x-hotbucket-incomplete'

/**
 * ListBuckets over several origins: each bucket is shown by the origin that serves it, as one list in name order. The list is whole
 * whatever `max-buckets` says: no origin's continuation token means anything to the others. An origin that cannot be asked, or whose
 * credentials may not list, does not hide the buckets of the others; a field of the answer names it.
 */
export async function listAllBuckets(context: RequestContext): Promise<void> {
  const { gateway, record, request } = context
  const prefix = queryValue(request.query, 'prefix') ?? ''
  const missing: string[] = []
  const lists = gateway.routes.all.map(async ({ origin }) => {
    record.originRequests += 1
    const buckets = await bucketsOf(origin)
    return buckets.filter((bucket) => nameOf(bucket).startsWith(prefix) && gateway.routes.originOf(nameOf(bucket)) === origin)
  })
  const answers = await Promise.allSettled(lists)
  const entries = answers.flatMap((given, i) => {
    if (given.status === 'fulfilled') return given.value
    missing.push(gateway.routes.all[i]?.origin.name ?? '')
    record.failure = given.reason instanceof Error ? given.reason.message : String(given.reason)
    return []
  })
  const [first] = answers
  if (missing.length === answers.length && first?.status === 'rejected') throw first.reason
  entries.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const document: XmlNode = ['ListAllMyBucketsResult', [['Buckets', entries.map(copyOf)]]]
  const body = Buffer.from(writeXml(document, { namespace: S3_NAMESPACE }), 'latin1')
  record.outcome = 'pass'
  record.reason = 'uncacheable-operation'
  const incomplete = missing.length === 0 ? '' : `${INCOMPLETE_FIELD}: ${missing.join(', ')}\r\n`
  const fields = `Content-Type: application/xml\r\n${incomplete}${replyFields(record, {})}`
  answer(context, { status: 200, fields, length: body.length }, body)
}

async function bucketsOf(origin: Origin): Promise<readonly XmlElement[]> {
  const response = await origin.send({
    method: 'GET',
    bucket: undefined,
    rawKey: undefined,
    rawQuery: '',
    headers: [],
    ...BODILESS,
    signal: undefined,
  })
  const body = await collect(response.body, LIST_BYTES_MAX)
  if (response.status !== 200 || body === undefined) {
    throw new OriginFailure('protocol', `Cannot list the buckets of origin "${origin.name}": it answered ${response.status}, wanted 200`)
  }
  const buckets = readXml(body, LIST_BYTES_MAX).children.find((element) => element.name === 'Buckets')
  return buckets?.children ?? []
}

function nameOf(bucket: XmlElement): string {
  return bucket.children.find((element) => element.name === 'Name')?.text ?? ''
}

function copyOf(element: XmlElement): XmlNode {
  return [element.name, element.children.length === 0 ? element.text : element.children.map(copyOf)]
}

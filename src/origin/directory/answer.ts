import { emptySource, sourceOf, type ByteSource } from '../../base/byte-source.ts'
import type { HeaderList } from '../../base/header-list.ts'
import { ERROR_CONTENT_TYPE, errorXml, type Refusal } from '../../s3/errors.ts'
import { formatUnsatisfiedRange } from '../../s3/range.ts'
import { S3_NAMESPACE, writeXml, type XmlNode } from '../../s3/xml.ts'
import type { OriginResponse } from '../origin.ts'

/** An answer without a body. */
export function emptyAnswer(status: number, headers: HeaderList = []): OriginResponse {
  return { status, headers: status === 204 || status === 304 ? headers : [...headers, 'content-length', '0'], body: emptySource }
}

/** An S3 document. */
export function xmlAnswer(root: XmlNode, headers: HeaderList = []): OriginResponse {
  const body = Buffer.from(writeXml(root, { namespace: S3_NAMESPACE }), 'latin1')
  return {
    status: 200,
    headers: [...headers, 'content-type', 'application/xml', 'content-length', String(body.length)],
    body: sourceOf(body),
  }
}

/** An error as S3 writes it; HEAD gets only its head. */
export function errorAnswer(
  refusal: Refusal,
  request: { readonly method: string; readonly resource: string; readonly requestId: string },
): OriginResponse {
  const headers = ['content-type', ERROR_CONTENT_TYPE]
  const sizeBytes = refusal.fields['ActualObjectSize']
  if (refusal.code === 'InvalidRange' && sizeBytes !== undefined) headers.push('content-range', formatUnsatisfiedRange(Number(sizeBytes)))
  if (request.method === 'HEAD') return { status: refusal.status, headers, body: emptySource }
  const { code, message, fields } = refusal
  const body: Uint8Array = Buffer.from(
    errorXml({ code, message, fields, resource: request.resource, requestId: request.requestId }),
    'latin1',
  )
  const source: ByteSource = sourceOf(body)
  return { status: refusal.status, headers: [...headers, 'content-length', String(body.length)], body: source }
}

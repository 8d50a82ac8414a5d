import { splitPresignedQuery } from '../s3/query.ts'
import type { OriginRequest } from './origin.ts'

/** The request with what a presigned URL said in its query said in fields instead: the two mean the same to S3. */
export function withQueryAsFields(request: OriginRequest): OriginRequest {
  if (request.presigned !== true) return request
  const { rawQuery, headers } = splitPresignedQuery(request.rawQuery)
  return { ...request, rawQuery, headers: [...request.headers, ...headers], presigned: false }
}

/** Whether the request can be presigned anew: a presigned body is unsigned, so what is known of it would be lost. */
export function canBePresigned(request: OriginRequest): boolean {
  return request.presigned === true && (request.payload.kind === 'none' || request.payload.kind === 'unsigned')
}

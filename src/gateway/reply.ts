import type { RequestRecord } from '../signals/record.ts'
import { cacheStatus } from '../signals/cache-status.ts'

/** The fields that every answer carries: who answered from where, and the id to find it again. */
export function replyFields(
  record: RequestRecord,
  facts: { readonly originStatus?: number; readonly stored?: boolean; readonly collapsed?: boolean; readonly requestId?: string },
): string {
  const id = facts.requestId ?? record.requestId
  return `x-amz-request-id: ${id}\r\nCache-Status: ${cacheStatus({ outcome: record.outcome, reason: record.reason, ...facts })}\r\n`
}

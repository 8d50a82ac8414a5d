import { RequestRecord } from '../record.ts'

/** A finished record: a 4 KiB hit from memory, and what `facts` says otherwise. */
export function recordWith(facts: Partial<RequestRecord> = {}): RequestRecord {
  const record = new RequestRecord(facts.requestId ?? 'id-1', facts.startedAtMs ?? 1_700_000_000_000, facts.startedMs ?? 0)
  return Object.assign(record, {
    clientAddress: '10.0.0.1',
    method: 'GET',
    operation: 'GetObject',
    bucket: 'photos',
    key: 'a/b.jpg',
    origin: 'main',
    status: 200,
    outcome: 'memory',
    reason: 'fresh',
    bytesSent: 4096,
    bytesFromMemory: 4096,
    ttfbMs: 0.2,
    ...facts,
  })
}

// hot path: runs once per request that names a bucket.
import { ByteCounters } from './byte-counters.ts'
import { OTHER_NAME } from './metric-definition.ts'
import type { RequestRecord } from './record.ts'
import type { Counter, RegistryWriter } from './registry-writer.ts'
import type { Savings } from './savings.ts'

/** Series of one bucket. */
interface Series {
  readonly requests: Readonly<Record<'hit' | 'miss' | 'other', Counter>>
  readonly bytes: ByteCounters
  readonly bytesSaved: Counter
  readonly dollarsSaved: Counter
}

/**
 * Counts by bucket. Anybody can ask for a bucket of any name, so a name takes a slot only by a request that succeeded: made-up
 * names cannot crowd out the real ones.
 */
export class BucketSeries {
  readonly #writer: RegistryWriter
  readonly #known = new Map<string, Series>()
  readonly #other: Series

  constructor(writer: RegistryWriter) {
    this.#writer = writer
    this.#other = seriesOf(writer, OTHER_NAME)
  }

  count(record: RequestRecord, savings: Savings): void {
    const series = this.#seriesOf(record)
    series.requests[savings.read ?? 'other'].add(1)
    series.bytes.count(record)
    if (savings.bytes > 0) series.bytesSaved.add(savings.bytes)
    if (savings.dollars > 0) series.dollarsSaved.add(savings.dollars)
  }

  #seriesOf(record: RequestRecord): Series {
    const bucket = record.bucket ?? OTHER_NAME
    const known = this.#known.get(bucket)
    if (known !== undefined) return known
    if (record.status < 200 || record.status >= 300 || record.outcome === 'failed') return this.#other
    if (!this.#writer.takesSlot('bucket', bucket)) return this.#other
    const series = seriesOf(this.#writer, bucket)
    this.#known.set(bucket, series)
    return series
  }
}

function seriesOf(writer: RegistryWriter, bucket: string): Series {
  const requests = (result: 'hit' | 'miss' | 'other'): Counter => writer.counter('bucketRequests', { bucket, result })
  return {
    requests: { hit: requests('hit'), miss: requests('miss'), other: requests('other') },
    bytes: new ByteCounters((source) => writer.counter('bucketBytes', { bucket, source })),
    bytesSaved: writer.counter('bucketBytesSaved', { bucket }),
    dollarsSaved: writer.counter('bucketDollarsSaved', { bucket }),
  }
}

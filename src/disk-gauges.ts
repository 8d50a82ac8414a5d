import type { DiskTier } from './cache/disk-tier.ts'
import type { DiskShardStats, PutResult } from './cache/disk/shard-api.ts'
import { DISK_PUT_RESULTS, DISK_TROUBLES } from './signals/labels.ts'
import type { RegistryWriter } from './signals/registry-writer.ts'

/** One worker's disk cache as its gauges see it. */
export interface WatchedDisk {
  readonly tier: DiskTier
  /** Shards that could not be opened. */
  unusableShards(): number
  readonly capBytes: number
}

/** Publishes what the disk cache tells of itself; to be called once a second. */
export function diskGauges(writer: RegistryWriter, disk: WatchedDisk, worker: number): () => void {
  const troubles = DISK_TROUBLES.map((trouble) => ({ trouble, gauge: writer.gauge('diskShards', { trouble }) }))
  const puts = DISK_PUT_RESULTS.map((result: PutResult) => ({ result, counter: writer.counter('diskOffers', { result }) }))
  const summed = sumsOf(writer)
  const ratios = {
    amplification: writer.gauge('diskWriteAmplification', {}),
    reinsertion: writer.gauge('diskReinsertionShare', {}),
    indexBytes: writer.gauge('diskIndexBytesPerRecord', {}),
  }
  const tier = {
    hits: writer.counter('diskHits', {}),
    hitBytes: writer.counter('diskHitBytes', {}),
    misses: writer.counter('diskMisses', {}),
    failures: writer.counter('diskFailures', {}),
    reading: writer.gauge('diskReads', {}),
  }
  if (worker === 0) writer.gauge('diskCapBytes', {}).set(disk.capBytes)
  return () => {
    const shards = disk.tier.stats()
    const sum = (of: (shard: DiskShardStats) => number): number => shards.reduce((total, shard) => total + of(shard), 0)
    for (const { trouble, gauge } of troubles)
      gauge.set(trouble === 'unusable' ? disk.unusableShards() : sum((shard) => (shard.trouble === trouble ? 1 : 0)))
    for (const { result, counter } of puts) counter.set(sum((shard) => shard.put[result]))
    for (const { series, of } of summed) series.set(sum(of))
    ratios.amplification.set(
      ratio(
        sum((shard) => shard.writtenBytes),
        sum((shard) => shard.insertedBytes),
      ),
    )
    ratios.reinsertion.set(
      ratio(
        sum((shard) => shard.reinsertedBytes),
        sum((shard) => shard.reinsertedBytes + shard.evictedBytes),
      ),
    )
    ratios.indexBytes.set(
      ratio(
        sum((shard) => shard.indexBytes),
        sum((shard) => shard.entries),
      ),
    )
    const { hits, hitBytes, misses, failures } = disk.tier.counters
    tier.hits.set(hits)
    tier.hitBytes.set(hitBytes)
    tier.misses.set(misses)
    tier.failures.set(failures)
    tier.reading.set(disk.tier.reading)
  }
}

interface SummedSeries {
  readonly series: { set(value: number): void }
  readonly of: (shard: DiskShardStats) => number
}

function sumsOf(writer: RegistryWriter): SummedSeries[] {
  return [
    { series: writer.gauge('diskEntries', {}), of: (shard) => shard.entries },
    { series: writer.gauge('diskIndexBytes', {}), of: (shard) => shard.indexBytes },
    { series: writer.gauge('diskBufferBytes', {}), of: (shard) => shard.bufferBytes },
    { series: writer.gauge('diskSegments', {}), of: (shard) => shard.segments },
    { series: writer.gauge('diskSegmentsMax', {}), of: (shard) => shard.segmentsMax },
    { series: writer.gauge('diskAllocatedBytes', {}), of: (shard) => shard.allocatedBytes },
    { series: writer.gauge('diskTombstones', {}), of: (shard) => shard.tombstones },
    { series: writer.gauge('diskPins', {}), of: (shard) => shard.pins },
    { series: writer.gauge('diskDescriptors', {}), of: (shard) => shard.descriptors },
    { series: writer.counter('diskInsertedBytes', {}), of: (shard) => shard.insertedBytes },
    { series: writer.counter('diskWrittenBytes', {}), of: (shard) => shard.writtenBytes },
    { series: writer.counter('diskReinsertedBytes', {}), of: (shard) => shard.reinsertedBytes },
    { series: writer.counter('diskEvictedBytes', {}), of: (shard) => shard.evictedBytes },
    { series: writer.counter('diskReadBytes', {}), of: (shard) => shard.readBytes },
    { series: writer.counter('diskDamaged', { what: 'record' }), of: (shard) => shard.damagedRecords },
    { series: writer.counter('diskDamaged', { what: 'segment' }), of: (shard) => shard.damagedSegments },
    { series: writer.counter('diskErrors', { operation: 'read' }), of: (shard) => shard.readErrors },
    { series: writer.counter('diskErrors', { operation: 'write' }), of: (shard) => shard.writeErrors },
  ]
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

import { HELD_FOR } from '../base/memory-budget.ts'
import {
  BUCKET_RESULTS,
  BYTE_SOURCES,
  DISK_PUT_RESULTS,
  DISK_TROUBLES,
  GC_KINDS,
  GUEST_CPU_MODES,
  HTTP_REFUSALS,
  isExpectedRequest,
  OPERATION_CLASS_NAMES,
  ORIGIN_FAILURES,
  READ_RESULTS,
  STATUS_CLASSES,
} from './labels.ts'
import { counter, gauge, histogram, type LabelDomain, type MetricDefinition } from './metric-definition.ts'
import { OUTCOME_NAMES, REASONS, type Reason } from './vocabulary.ts'

/** Seconds. From 50 µs, because a hit from memory takes a fraction of a millisecond; 5 ms and 25 ms are edges so that objectives can lie on them. */
const LATENCY_EDGES = [
  50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const

/** Seconds; nothing across a network answers in less than a fraction of a millisecond. */
const ORIGIN_EDGES = [0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

const GC_EDGES = [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1] as const

const REASON_NAMES = Object.keys(REASONS) as readonly Reason[]

const ORIGIN = { table: 'origin' } as const
const BUCKET = { table: 'bucket' } as const

/** THE table: every metric there is. The registry's layout, the exposition and docs/metrics.md follow from it. */
const METRICS = {
  // Requests: written by settle alone.
  requests: counter('requests_total', 'Requests that ended, by what became of them.', {
    labels: { operation: OPERATION_CLASS_NAMES, outcome: OUTCOME_NAMES, status: STATUS_CLASSES },
    expected: isExpectedRequest,
  }),
  decisions: counter('decisions_total', 'Requests that ended, by why they ended the way they did.', { labels: { reason: REASON_NAMES } }),
  refused: counter('refused_total', 'Requests that hotbucket answered with an error of its own, by reason.', {
    labels: { reason: REASON_NAMES },
  }),
  duration: histogram('request_duration_seconds', 'From the first byte of the request head to the last byte of the response.', {
    unit: 'seconds',
    edges: LATENCY_EDGES,
    labels: { outcome: OUTCOME_NAMES },
  }),
  ttfb: histogram('time_to_first_byte_seconds', 'From the first byte of the request head to the first byte of the response.', {
    unit: 'seconds',
    edges: LATENCY_EDGES,
    labels: { outcome: OUTCOME_NAMES },
  }),
  responseBytes: counter('response_bytes_total', 'Bytes of response bodies, by where they came from.', {
    unit: 'bytes',
    labels: { source: BYTE_SOURCES },
  }),
  receivedBytes: counter('received_bytes_total', 'Bytes of request bodies received from clients.', { unit: 'bytes' }),

  // What the cache is for.
  objectReads: counter(
    'object_reads_total',
    'Object reads that were answered, by whether the origin was asked for this request (miss) or not (hit).',
    {
      labels: { result: READ_RESULTS },
    },
  ),
  bytesSaved: counter('bytes_saved_total', 'Response bytes that no origin had to send for the request they answered.', { unit: 'bytes' }),
  originRequestsSaved: counter('origin_requests_saved_total', 'Object reads that were answered without a request to the origin.'),
  dollarsSaved: counter('dollars_saved_total', 'US dollars: bytes saved at the egress price, requests saved at the request price.', {
    unit: 'dollars',
  }),

  // By bucket. A name gets its own series at its first successful request.
  bucketRequests: counter('bucket_requests_total', 'Requests that ended, by bucket.', {
    labels: { bucket: BUCKET, result: BUCKET_RESULTS },
  }),
  bucketBytes: counter('bucket_response_bytes_total', 'Bytes of response bodies, by bucket and where they came from.', {
    unit: 'bytes',
    labels: { bucket: BUCKET, source: BYTE_SOURCES },
  }),
  bucketBytesSaved: counter('bucket_bytes_saved_total', 'Response bytes that no origin had to send, by bucket.', {
    unit: 'bytes',
    labels: { bucket: BUCKET },
  }),
  bucketDollarsSaved: counter('bucket_dollars_saved_total', 'US dollars saved, by bucket.', {
    unit: 'dollars',
    labels: { bucket: BUCKET },
  }),

  // Origins: every request that hotbucket sends, those of the cache for itself included.
  originRequests: counter('origin_requests_total', 'Requests to origins that were answered, by status.', {
    layer: 'origin',
    labels: { origin: ORIGIN, status: STATUS_CLASSES },
  }),
  originFailures: counter('origin_failures_total', 'Requests to origins without an answer, and answers that broke off, by kind.', {
    layer: 'origin',
    labels: { origin: ORIGIN, kind: ORIGIN_FAILURES },
  }),
  originReceivedBytes: counter('origin_received_bytes_total', 'Body bytes received from origins.', {
    unit: 'bytes',
    layer: 'origin',
    labels: { origin: ORIGIN },
  }),
  originTtfb: histogram('origin_time_to_first_byte_seconds', 'From sending a request to an origin to its response head.', {
    unit: 'seconds',
    layer: 'origin',
    edges: ORIGIN_EDGES,
    labels: { origin: ORIGIN },
  }),
  originInFlight: gauge('origin_requests_in_flight', 'Requests to origins whose answer is not complete.', {
    layer: 'origin',
    labels: { origin: ORIGIN },
  }),

  // HTTP engine.
  httpConnections: gauge('http_connections', 'Open client connections.'),
  httpInFlight: gauge('http_requests_in_flight', 'Requests that have begun and not ended.'),
  httpRefusals: counter('http_parse_refusals_total', 'Requests and connections that the HTTP engine refused, by reason.', {
    labels: { reason: HTTP_REFUSALS },
  }),
  buffersUsed: gauge('buffers_used_bytes', 'Memory for bytes on their way that are not in the cache, by what they are held for.', {
    unit: 'bytes',
    labels: { held_for: HELD_FOR },
  }),
  buffersLimit: gauge('buffers_limit_bytes', 'The limit of all of them together: `limits.buffers`.', { unit: 'bytes' }),

  // Cache.
  cacheMemoryBytes: gauge('cache_memory_bytes', 'Memory that the cache may use for records.', { unit: 'bytes' }),
  cacheLiveBytes: gauge('cache_live_bytes', 'Bytes in records that can be found.', { unit: 'bytes' }),
  cacheIndexBytes: gauge('cache_index_bytes', 'Memory of the index.', { unit: 'bytes' }),
  cacheEntries: gauge('cache_entries', 'Records that can be found.'),
  cacheSegments: gauge('cache_segments', 'Segments that memory is divided into.'),
  cacheInsertedBytes: counter('cache_inserted_bytes_total', 'Bytes of records inserted.', { unit: 'bytes', origin: 'sampled' }),
  cacheEvictedBytes: counter('cache_evicted_bytes_total', 'Bytes of records evicted.', { unit: 'bytes', origin: 'sampled' }),
  cacheEvictedEntries: counter('cache_evicted_entries_total', 'Records evicted.', { origin: 'sampled' }),
  cacheReinsertedBytes: counter('cache_reinserted_bytes_total', 'Bytes of records kept at reclaim because they were used.', {
    unit: 'bytes',
    origin: 'sampled',
  }),
  cacheCorruptEntries: counter('cache_corrupt_entries_total', 'Records dropped because their checksum was wrong.', { origin: 'sampled' }),
  cacheReserveFailures: counter('cache_reserve_failures_total', 'Fills that got no memory.', { origin: 'sampled' }),
  cachePins: gauge('cache_pins', 'Records held by readers; 0 when idle.'),
  cacheFlights: gauge('cache_flights', 'Fetches that requests wait for; 0 when idle.'),
  cacheFills: gauge('cache_fills_in_progress', 'Records being written; 0 when idle.'),

  // Disk cache. All of it is 0 or absent where there is none.
  diskShards: gauge('disk_shards', 'Parts of the disk cache, by what troubles them; `none`: they do everything.', {
    labels: { trouble: DISK_TROUBLES },
  }),
  diskHits: counter('disk_hits_total', 'Records that memory did not have and the disk did.', { origin: 'sampled' }),
  diskHitBytes: counter('disk_hit_bytes_total', 'Bytes of these records.', { unit: 'bytes', origin: 'sampled' }),
  diskMisses: counter('disk_misses_total', 'Objects that were looked for on disk and were not there.', { origin: 'sampled' }),
  diskFailures: counter('disk_failures_total', 'Records that were found on disk and could not be had: misses, too.', {
    origin: 'sampled',
  }),
  diskReadBytes: counter('disk_read_bytes_total', 'Bytes read from disk.', { unit: 'bytes', origin: 'sampled' }),
  diskReadSeconds: histogram('disk_read_seconds', 'Reads of the disk, waiting for a thread included.', {
    unit: 'seconds',
    edges: LATENCY_EDGES,
  }),
  diskOffers: counter('disk_offers_total', 'Records that memory offered to the disk, by what became of them.', {
    origin: 'sampled',
    labels: { result: DISK_PUT_RESULTS },
  }),
  diskInsertedBytes: counter('disk_inserted_bytes_total', 'Bytes of records that the disk took.', { unit: 'bytes', origin: 'sampled' }),
  diskWrittenBytes: counter('disk_written_bytes_total', 'Bytes written to disk: records, copies of records, padding, lists.', {
    unit: 'bytes',
    origin: 'sampled',
  }),
  diskReinsertedBytes: counter('disk_reinserted_bytes_total', 'Bytes of records that were written again because they were used.', {
    unit: 'bytes',
    origin: 'sampled',
  }),
  diskEvictedBytes: counter('disk_evicted_bytes_total', 'Bytes of records that made room for others.', {
    unit: 'bytes',
    origin: 'sampled',
  }),
  diskWriteAmplification: gauge('disk_write_amplification_ratio', 'Bytes written for each byte that was inserted, since the start.', {
    unit: 'ratio',
    merge: 'by-thread',
  }),
  diskReinsertionShare: gauge('disk_reinsertion_ratio', 'Share of reclaimed bytes that lived on, since the start.', {
    unit: 'ratio',
    merge: 'by-thread',
  }),
  diskIndexBytesPerRecord: gauge('disk_index_bytes_per_record', 'Memory of the index for each record.', {
    merge: 'by-thread',
  }),
  diskDamaged: counter('disk_damaged_total', 'Records and segments that were not what had been written; each a miss.', {
    origin: 'sampled',
    labels: { what: ['record', 'segment'] },
  }),
  diskErrors: counter('disk_errors_total', 'Reads and writes that the disk refused.', {
    origin: 'sampled',
    labels: { operation: ['read', 'write'] },
  }),
  diskEntries: gauge('disk_entries', 'Records on disk that can be found.'),
  diskIndexBytes: gauge('disk_index_bytes', 'Memory of the index to the disk.', { unit: 'bytes' }),
  diskBufferBytes: gauge('disk_buffer_bytes', 'Memory for what is on its way to the disk.', { unit: 'bytes' }),
  diskSegments: gauge('disk_segments', 'Segment files.'),
  diskSegmentsMax: gauge('disk_segments_max', 'Segment files that may be there now.'),
  diskAllocatedBytes: gauge('disk_allocated_bytes', 'What segment files took when they were last looked at, as the file system counts.', {
    unit: 'bytes',
  }),
  diskCapBytes: gauge('disk_cap_bytes', 'What the directory may take at most: `disk.max`.', { unit: 'bytes' }),
  diskTombstones: gauge('disk_tombstones', 'Invalidations that are kept for a restart.'),
  diskReads: gauge('disk_reads_in_progress', 'Reads of records that requests wait for; 0 when idle.'),
  diskPins: gauge('disk_pins', 'Segments held by reads; 0 when idle.'),
  diskDescriptors: gauge('disk_descriptors', 'Open descriptors of segments.'),

  // Each JavaScript thread.
  loopDelay: gauge(
    'event_loop_delay_seconds',
    'Lateness of timers over the last 15 s: median, worst 99th percentile of a second, maximum.',
    {
      unit: 'seconds',
      merge: 'by-thread',
      labels: { statistic: ['p50', 'p99', 'max'] },
    },
  ),
  loopUtilization: gauge('event_loop_utilization_ratio', 'Share of the last second in which the event loop was not idle.', {
    unit: 'ratio',
    merge: 'by-thread',
  }),
  loopActiveSeconds: counter('event_loop_active_seconds_total', 'Time in which the event loop was not idle, waiting for a CPU included.', {
    unit: 'seconds',
    merge: 'by-thread',
    origin: 'sampled',
  }),
  gcPause: histogram('gc_pause_seconds', 'Garbage collection pauses, by kind.', {
    unit: 'seconds',
    edges: GC_EDGES,
    merge: 'by-thread',
    labels: { kind: GC_KINDS },
  }),
  gcTimeRatio: gauge('gc_time_ratio', 'Share of the last 15 s spent in garbage collection.', { unit: 'ratio', merge: 'by-thread' }),
  heapBytes: gauge('heap_bytes', 'JavaScript heap: used, committed, and the limit.', {
    unit: 'bytes',
    merge: 'by-thread',
    labels: { kind: ['used', 'total', 'limit'] },
  }),
  externalBytes: gauge('external_memory_bytes', 'Memory outside the JavaScript heap that objects hold.', {
    unit: 'bytes',
    merge: 'by-thread',
  }),
  threadCpuSeconds: counter('thread_cpu_seconds_total', 'CPU time of the JavaScript thread.', {
    unit: 'seconds',
    merge: 'by-thread',
    origin: 'sampled',
  }),
  threadRunDelaySeconds: counter('thread_run_delay_seconds_total', 'Time in which the thread could run and had no CPU.', {
    unit: 'seconds',
    layer: 'guest',
    merge: 'by-thread',
    origin: 'sampled',
  }),
  heartbeat: gauge('thread_heartbeat_timestamp_seconds', 'Unix time at which the event loop last ran its one-second sampler.', {
    unit: 'seconds',
    merge: 'by-thread',
  }),

  // The process.
  ready: gauge('ready', '1 where the process takes requests, 0 while it starts or drains.'),
  processResidentBytes: gauge('process_resident_memory_bytes', 'Resident memory.', { unit: 'bytes' }),
  processCpuSeconds: counter('process_cpu_seconds_total', 'CPU time of all threads, by mode.', {
    unit: 'seconds',
    origin: 'sampled',
    labels: { mode: ['user', 'system'] },
  }),
  processRunDelaySeconds: counter('process_run_delay_seconds_total', 'Time in which threads could run and had no CPU, all threads.', {
    unit: 'seconds',
    layer: 'guest',
    origin: 'sampled',
  }),
  processOpenFds: gauge('process_open_fds', 'Open file descriptors.'),
  processMaxFds: gauge('process_max_fds', 'Limit of open file descriptors.'),
  processThreads: gauge('process_threads', 'Operating system threads.'),
  processStartTime: gauge('process_start_time_seconds', 'Unix time of the start of the process.', { unit: 'seconds' }),
  processUptime: gauge('process_uptime_seconds', 'Time since the start of the process.', { unit: 'seconds' }),
  logLinesDropped: counter('log_lines_dropped_total', 'Log lines dropped because whatever reads them was too slow.'),
  samplerSeconds: counter('sampler_seconds_total', 'Time spent on taking these samples.', { unit: 'seconds' }),

  // What the process was given, and what lies below it.
  cgroupCpuPeriods: counter('cgroup_cpu_periods_total', 'CPU quota periods that passed.', { layer: 'cgroup', origin: 'sampled' }),
  cgroupCpuThrottled: counter('cgroup_cpu_throttled_periods_total', 'CPU quota periods in which the quota ran out.', {
    layer: 'cgroup',
    origin: 'sampled',
  }),
  cgroupCpuThrottledSeconds: counter('cgroup_cpu_throttled_seconds_total', 'Time in which threads were held back by the CPU quota.', {
    unit: 'seconds',
    layer: 'cgroup',
    origin: 'sampled',
  }),
  cgroupCpuQuota: gauge('cgroup_cpu_quota_cores', 'CPU quota in cores; absent where there is none.', { layer: 'cgroup' }),
  cgroupMemoryBytes: gauge('cgroup_memory_bytes', 'Memory charged to the cgroup, page cache included.', { unit: 'bytes', layer: 'cgroup' }),
  cgroupMemoryLimit: gauge('cgroup_memory_limit_bytes', 'Memory limit; absent where there is none.', { unit: 'bytes', layer: 'cgroup' }),
  cgroupPressure: counter('cgroup_pressure_seconds_total', 'Time in which some or all threads of the cgroup waited for a resource (PSI).', {
    unit: 'seconds',
    layer: 'cgroup',
    origin: 'sampled',
    labels: { resource: ['cpu', 'memory', 'io'], kind: ['some', 'full'] },
  }),
  guestPressure: counter('guest_pressure_seconds_total', 'Time in which some or all threads of the system waited for a resource (PSI).', {
    unit: 'seconds',
    layer: 'guest',
    origin: 'sampled',
    labels: { resource: ['cpu', 'memory', 'io'], kind: ['some', 'full'] },
  }),
  guestCpuSeconds: counter('guest_cpu_seconds_total', 'CPU time of the whole system, all CPUs, by mode.', {
    unit: 'seconds',
    layer: 'guest',
    origin: 'sampled',
    labels: { mode: GUEST_CPU_MODES },
  }),
  guestCpus: gauge('guest_cpus', 'CPUs that this process may use.', { layer: 'guest' }),
  hostStealSeconds: counter('host_steal_seconds_total', 'CPU time that the hypervisor gave to others, all CPUs.', {
    unit: 'seconds',
    layer: 'host',
    origin: 'sampled',
  }),
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof METRICS

type OfType<T extends MetricDefinition['type']> = {
  [N in MetricName]: (typeof METRICS)[N] extends { readonly type: T } ? N : never
}[MetricName]

export type CounterName = OfType<'counter'>
export type GaugeName = OfType<'gauge'>
export type HistogramName = OfType<'histogram'>

type Words<D> = D extends readonly (infer V)[] ? V : string

/** The labels that a metric wants, each with its own words; names for dynamic ones. */
export type LabelsOf<N extends MetricName> = {
  readonly [K in keyof (typeof METRICS)[N]['labels']]: Words<(typeof METRICS)[N]['labels'][K]>
}

/** The name of the metric that says which program this is; its labels come from the program, not from a table. */
export const BUILD_INFO = { name: 'hotbucket_build_info', help: 'Always 1; the labels say which build this is.' } as const

export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[]

/** A definition without its literal types, for code that walks the table. */
export function definitionOf(name: MetricName): MetricDefinition {
  return METRICS[name]
}

/** Label names and their domains, in the order of the table. */
export function labelEntries(definition: MetricDefinition): readonly (readonly [string, LabelDomain])[] {
  return Object.entries(definition.labels)
}

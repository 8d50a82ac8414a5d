import type { BarName } from '../harness/bars.ts'
import type { Part } from '../harness/part.ts'
import { cold } from './cold.ts'
import { disk } from './disk.ts'
import { hot } from './hot.ts'
import { idle } from './idle.ts'
import { million } from './million.ts'
import { openLoop } from './open-loop.ts'
import { peers } from './peers.ts'
import { stalled } from './stalled.ts'
import { startUp } from './start-up.ts'
import { tls } from './tls.ts'
import { workers } from './workers.ts'

interface PartEntry {
  readonly run: Part
  /** What it measures: named as not measured where it cannot run. */
  readonly bars: readonly BarName[]
}

/** THE table of parts, in the order in which they run. */
export const PARTS = {
  hot: { run: hot, bars: ['hot-4k-plain', 'hot-4k-signed', 'hot-64k-signed', 'hot-1m-signed', 'hot-8m-signed'] },
  peers: {
    run: peers,
    bars: ['varnish-4k', 'varnish-4k-signed', 'proxy-cache-4k', 'varnish-1m', 'varnish-1m-signed', 'proxy-cache-1m'],
  },
  tls: { run: tls, bars: ['tls-64k', 'tls-1m'] },
  'open-loop': { run: openLoop, bars: ['open-loop-p99'] },
  cold: { run: cold, bars: ['cold-64m', 'cold-64m-shared', 'cold-first-byte'] },
  disk: { run: disk, bars: ['disk-4k', 'disk-1m', 'disk-device'] },
  workers: { run: workers, bars: ['workers-ratio', 'workers-cpu'] },
  million: { run: million, bars: ['million-heap', 'million-pause', 'million-index'] },
  'start-up': { run: startUp, bars: ['start-warm', 'start-cold', 'idle-rss'] },
  idle: { run: idle, bars: ['idle-connection', 'idle-p99'] },
  stalled: { run: stalled, bars: ['stalled-1m-memory', 'stalled-1m-rate', 'stalled-8m-memory', 'stalled-8m-rate'] },
} as const satisfies Record<string, PartEntry>

export type PartName = keyof typeof PARTS

/** Every part, in the order in which they run. */
export const PART_NAMES = Object.keys(PARTS) as readonly PartName[]

/** What a figure is measured in. */
export type Unit = 'ratio' | 'ms' | 'MiB' | 'bytes' | 'count'

/** A figure that is measured, and what it has to be. */
export interface Bar {
  readonly load: string
  readonly figure: string
  readonly unit: Unit
  readonly better: 'lower' | 'higher'
  /** What it must reach; undefined: reported only. */
  readonly bar?: number
  /** What is wanted. */
  readonly aim?: number
}

const cpu = { unit: 'ratio', better: 'lower' } as const
const held = { figure: 'resident memory over the budget', unit: 'MiB', better: 'lower', bar: 200 } as const
const rate = { unit: 'ratio', better: 'higher' } as const

/** THE table of bars: every figure that `npm run bench` sets out to reach. Ratios are ours : peer. */
export const BARS = {
  'hot-4k-plain': { ...cpu, load: '4 KiB hot, anonymous', figure: 'CPU/request vs nginx', bar: 1.3, aim: 1 },
  'hot-4k-signed': { ...cpu, load: '4 KiB hot, signed', figure: 'CPU/request vs nginx unsigned', bar: 1.8, aim: 1.3 },
  'hot-64k-signed': { ...rate, load: '64 KiB hot, signed', figure: 'requests/s vs nginx', bar: 1, aim: 1.2 },
  'hot-1m-signed': { ...rate, load: '1 MiB hot, signed', figure: 'requests/s vs nginx', bar: 1.2, aim: 1.6 },
  'hot-8m-signed': { ...rate, load: '8 MiB hot, signed', figure: 'requests/s vs nginx', bar: 1.2, aim: 1.6 },
  'tls-64k': { ...rate, load: '64 KiB hot, signed, TLS', figure: 'requests/s vs nginx', bar: 1, aim: 1.2 },
  'tls-1m': { ...rate, load: '1 MiB hot, signed, TLS', figure: 'requests/s vs nginx', bar: 1, aim: 1.2 },
  'varnish-4k': { ...rate, load: '4 KiB hot, anonymous', figure: 'requests/s vs Varnish', bar: 1, aim: 1.5 },
  'varnish-4k-signed': { ...rate, load: '4 KiB hot, signed', figure: 'requests/s vs Varnish unsigned' },
  'varnish-1m': { ...rate, load: '1 MiB hot, anonymous', figure: 'requests/s vs Varnish', bar: 1, aim: 1.5 },
  'varnish-1m-signed': { ...rate, load: '1 MiB hot, signed', figure: 'requests/s vs Varnish unsigned' },
  'proxy-cache-4k': { ...rate, load: '4 KiB hot, anonymous', figure: 'requests/s vs nginx proxy_cache' },
  'proxy-cache-1m': { ...rate, load: '1 MiB hot, anonymous', figure: 'requests/s vs nginx proxy_cache' },
  'open-loop-p99': { ...cpu, load: '4 KiB hot, signed, half of own peak', figure: 'p99 vs nginx unsigned', bar: 2, aim: 1 },
  'cold-64m': { ...rate, load: '64 MiB cold, 4 clients, 4 objects', figure: 'bytes/s vs direct', bar: 0.95, aim: 1 },
  'cold-64m-shared': { ...rate, load: '64 MiB cold, 4 clients, 1 object', figure: 'bytes/s vs direct' },
  'cold-first-byte': { load: '4 KiB cold', figure: 'first byte, added to direct, p50', unit: 'ms', better: 'lower', bar: 1, aim: 0.3 },
  'disk-4k': { ...rate, load: '4 KiB on disk, page cache warm', figure: 'requests/s vs nginx proxy_cache', bar: 0.7, aim: 1 },
  'disk-1m': { ...rate, load: '1 MiB on disk, page cache warm', figure: 'requests/s vs nginx proxy_cache', bar: 1, aim: 1.3 },
  'disk-device': { ...rate, load: '1 MiB on disk, nothing in the page cache', figure: 'bytes/s vs dd', bar: 0.8 },
  'workers-ratio': { ...rate, load: '4 KiB hot, signed, 2 workers', figure: 'requests/s vs nginx : the same with 1 worker', bar: 1 },
  'workers-cpu': { ...cpu, load: '4 KiB hot, signed, 2 workers', figure: 'CPU/request vs 1 worker', bar: 1.1 },
  'million-heap': { load: '1,000,000 objects of 4 KiB', figure: 'JavaScript heap, growth', unit: 'MiB', better: 'lower', bar: 32 },
  'million-pause': {
    load: '1,000,000 objects of 4 KiB',
    figure: 'longest GC pause of a minute (below)',
    unit: 'ms',
    better: 'lower',
    bar: 5,
  },
  'million-index': { load: '1,000,000 objects of 4 KiB', figure: 'index per entry', unit: 'bytes', better: 'lower', bar: 64 },
  'start-warm': { load: 'start', figure: 'first answer, compile cache warm', unit: 'ms', better: 'lower', bar: 400 },
  'start-cold': { load: 'start', figure: 'first answer, compile cache cold', unit: 'ms', better: 'lower' },
  'idle-rss': { load: 'idle, 2 workers', figure: 'resident memory', unit: 'MiB', better: 'lower', bar: 120 },
  'idle-connection': { load: '10,000 idle connections', figure: 'resident memory each', unit: 'bytes', better: 'lower', bar: 12 * 1024 },
  'idle-p99': { ...cpu, load: '10,000 idle connections', figure: 'hot p99 vs without them', bar: 1.1 },
  'stalled-1m-memory': { ...held, load: '1,000 stalled readers of 1 MiB' },
  'stalled-1m-rate': { ...rate, load: '1,000 stalled readers of 1 MiB', figure: "others' requests/s vs before", bar: 0.9 },
  'stalled-8m-memory': { ...held, load: '1,000 stalled readers of 8 MiB' },
  'stalled-8m-rate': { ...rate, load: '1,000 stalled readers of 8 MiB', figure: "others' requests/s vs before", bar: 0.9 },
} as const satisfies Record<string, Bar>

export type BarName = keyof typeof BARS

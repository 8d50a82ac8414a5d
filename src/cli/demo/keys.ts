import type { LinkConfig } from '../../config/config.ts'

/** What a key press asks for. */
export type KeyAction = 'latency-up' | 'latency-down' | 'bandwidth-up' | 'bandwidth-down' | 'pause' | 'quit'

const KEYS: ReadonlyMap<string, KeyAction> = new Map([
  ['+', 'latency-up'],
  // The same key without shift, on most keyboards.
  ['=', 'latency-up'],
  ['-', 'latency-down'],
  [']', 'bandwidth-up'],
  ['[', 'bandwidth-down'],
  ['p', 'pause'],
  ['q', 'quit'],
  // Ctrl-C and Ctrl-D, which a terminal in raw mode passes on as characters.
  ['\u0003', 'quit'],
  ['\u0004', 'quit'],
])

const LATENCIES_MS = [0, 1, 2, 5, 10, 20, 40, 80, 150, 300, 600, 1000] as const
const BYTES_PER_SECOND = [1e6, 2e6, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2.5e9, 10e9] as const

/** The actions in a piece of raw terminal input. Arrow keys and the like are escape sequences, whose letters mean nothing here. */
export function keyActions(input: string): KeyAction[] {
  if (input.startsWith('\u001B')) return []
  return Array.from(input).flatMap((key) => KEYS.get(key) ?? [])
}

/** The link one step slower or faster; the same link for actions that are not about it and at the ends of the scale. */
export function adjustLink(link: LinkConfig, action: KeyAction): LinkConfig {
  switch (action) {
    case 'latency-up':
      return { ...link, latencyMs: stepUp(LATENCIES_MS, link.latencyMs) }
    case 'latency-down':
      return { ...link, latencyMs: stepDown(LATENCIES_MS, link.latencyMs) }
    case 'bandwidth-up':
      return { ...link, bytesPerSecond: stepUp(BYTES_PER_SECOND, link.bytesPerSecond) }
    case 'bandwidth-down':
      return { ...link, bytesPerSecond: stepDown(BYTES_PER_SECOND, link.bytesPerSecond) }
    case 'pause':
    case 'quit':
      return link
  }
}

function stepUp(ascending: readonly number[], value: number): number {
  return ascending.find((step) => step > value) ?? value
}

function stepDown(ascending: readonly number[], value: number): number {
  return ascending.findLast((step) => step < value) ?? value
}

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { PprofBuilder, type SampleType } from './pprof-builder.ts'
import type { ProfileKind, ThreadProfile } from './profile.ts'

/** What the values of a stack mean, the one that viewers show first last; and what the period counts. */
const MEANINGS: Readonly<Record<ProfileKind, { readonly types: readonly SampleType[]; readonly period: SampleType }>> = {
  cpu: {
    types: [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    period: { type: 'cpu', unit: 'nanoseconds' },
  },
  heap: { types: [{ type: 'alloc_space', unit: 'bytes' }], period: { type: 'space', unit: 'bytes' } },
}

const compress = promisify(gzip)

/** Profiles of one kind, taken at the same time on several threads, as one in the gzipped pprof format that `go tool pprof` and Pyroscope read. */
export async function encodeProfile(
  kind: ProfileKind,
  threads: readonly { readonly name: string; readonly profile: ThreadProfile }[],
): Promise<Uint8Array> {
  const builder = new PprofBuilder()
  for (const { name, profile } of threads) for (const stack of profile.stacks) builder.add(stack, name)
  const first = threads[0]?.profile
  const { types, period } = MEANINGS[kind]
  const encoded = builder.build(types, { type: period, value: first?.period ?? 0 })
  encoded.timeNanos = BigInt(first?.startedAtMs ?? 0) * 1_000_000n
  encoded.durationNanos = BigInt(Math.round((first?.seconds ?? 0) * 1e9))
  return compress(encoded.encode())
}

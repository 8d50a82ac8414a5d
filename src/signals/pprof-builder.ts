import { fileURLToPath } from 'node:url'
import { Function as PprofFunction, Label, Line, Location, Profile, Sample, StringTable, ValueType } from 'pprof-format'
import type { Frame, ProfiledStack } from './profile.ts'

/** What one number of a sample means, such as `cpu` in `nanoseconds`. */
export interface SampleType {
  readonly type: string
  readonly unit: string
}

/** Collects stacks with their values into a profile.proto message (github.com/google/pprof, proto/profile.proto). */
export class PprofBuilder {
  readonly #strings = new StringTable()
  readonly #functions: PprofFunction[] = []
  readonly #locations: Location[] = []
  readonly #locationIds = new Map<string, number>()
  readonly #samples: Sample[] = []

  /** One value per sample type; `thread` becomes a label, by which viewers filter and group. */
  add({ frames, values }: ProfiledStack, thread: string): void {
    this.#samples.push(
      new Sample({
        locationId: frames.map((frame) => this.#locationOf(frame)),
        value: values.map((value) => Math.round(value)),
        label: [new Label({ key: this.#strings.dedup('thread'), str: this.#strings.dedup(thread) })],
      }),
    )
  }

  /** The last of `types` is what a viewer shows first. */
  build(types: readonly SampleType[], period: { readonly type: SampleType; readonly value: number }): Profile {
    const valueType = ({ type, unit }: SampleType): ValueType =>
      new ValueType({ type: this.#strings.dedup(type), unit: this.#strings.dedup(unit) })
    return new Profile({
      sampleType: types.map((type) => valueType(type)),
      sample: this.#samples,
      location: this.#locations,
      function: this.#functions,
      periodType: valueType(period.type),
      period: period.value,
      defaultSampleType: this.#strings.dedup(types.at(-1)?.type ?? ''),
      stringTable: this.#strings,
    })
  }

  #locationOf(frame: Frame): number {
    const key = `${frame.functionName}\n${frame.url}\n${frame.lineNumber}`
    const known = this.#locationIds.get(key)
    if (known !== undefined) return known
    // Ids count from 1; 0 is "none" in the format. A function and its location share theirs.
    const id = this.#locations.length + 1
    const name = this.#strings.dedup(frame.functionName === '' ? '(anonymous)' : frame.functionName)
    const line = frame.lineNumber + 1
    this.#functions.push(
      new PprofFunction({ id, name, systemName: name, filename: this.#strings.dedup(pathOf(frame.url)), startLine: line }),
    )
    this.#locations.push(new Location({ id, line: [new Line({ functionId: id, line })] }))
    this.#locationIds.set(key, id)
    return id
  }
}

function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}

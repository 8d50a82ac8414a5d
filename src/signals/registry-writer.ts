// hot path: handles are made once; an update is one or two stores.
import { assert } from '../base/assert.ts'
import type { CounterName, GaugeName, HistogramName, LabelsOf, MetricName } from './catalog.ts'
import { NAME_TABLES, type TableName } from './metric-definition.ts'
import { LAYOUT, type LabelLayout, type MetricLayout } from './metric-layout.ts'
import { NameTable } from './name-table.ts'

type Words = Readonly<Record<string, string>>

/** One series of a counter. */
export class Counter {
  readonly #cells: Float64Array
  readonly #index: number

  constructor(cells: Float64Array, index: number) {
    this.#cells = cells
    this.#index = index
  }

  /** Adds a finite number of 0 or more. */
  add(delta: number): void {
    this.#cells[this.#index] = (this.#cells[this.#index] ?? 0) + delta
  }

  /** Takes over a total that is counted elsewhere; `undefined`: not to be had. */
  set(total: number | undefined): void {
    this.#cells[this.#index] = total ?? NaN
  }
}

/** One series of a gauge. */
export class Gauge {
  readonly #cells: Float64Array
  readonly #index: number

  constructor(cells: Float64Array, index: number) {
    this.#cells = cells
    this.#index = index
  }

  /** `undefined`: the value is not to be had, and so not exposed. */
  set(value: number | undefined): void {
    this.#cells[this.#index] = value ?? NaN
  }
}

/** One series of a histogram. */
export class Histogram {
  readonly #cells: Float64Array
  readonly #index: number
  readonly #edges: readonly number[]

  constructor(cells: Float64Array, index: number, edges: readonly number[]) {
    this.#cells = cells
    this.#index = index
    this.#edges = edges
  }

  /** A linear scan from below: what is frequent is fast, and the fast end is looked at first. */
  observe(value: number): void {
    const cells = this.#cells
    const edges = this.#edges
    let bucket = 0
    while (value > (edges[bucket] ?? Infinity)) bucket++
    const at = this.#index + bucket
    const sumAt = this.#index + edges.length + 1
    cells[at] = (cells[at] ?? 0) + 1
    cells[sumAt] = (cells[sumAt] ?? 0) + value
  }
}

/**
 * Writes the registry of one thread. Only one writer may exist per buffer: that is what makes plain, unlocked stores enough.
 * Other threads may read at any time; 64-bit cells are read whole on every 64-bit platform that Node runs on.
 */
export class RegistryWriter {
  readonly #cells: Float64Array
  readonly #tables: Readonly<Record<TableName, NameTable>>

  /** `thread` names this thread in metrics that are told by thread. */
  constructor(buffer: SharedArrayBuffer, thread: string) {
    assert(buffer.byteLength === LAYOUT.byteLength, 'a registry has the size that the catalog asks for')
    this.#cells = new Float64Array(buffer, 0, LAYOUT.cellCount)
    this.#tables = {
      bucket: new NameTable(buffer, LAYOUT.tableOffsets.bucket, NAME_TABLES.bucket),
      origin: new NameTable(buffer, LAYOUT.tableOffsets.origin, NAME_TABLES.origin),
    }
    new NameTable(buffer, LAYOUT.threadNameOffset, 1).slotOf(thread)
  }

  counter<N extends CounterName>(name: N, labels: LabelsOf<N>): Counter {
    return new Counter(this.#cells, this.#index(name, labels as Words))
  }

  gauge<N extends GaugeName>(name: N, labels: LabelsOf<N>): Gauge {
    return new Gauge(this.#cells, this.#index(name, labels as Words))
  }

  histogram<N extends HistogramName>(name: N, labels: LabelsOf<N>): Histogram {
    return new Histogram(this.#cells, this.#index(name, labels as Words), LAYOUT.metrics[name].definition.edges)
  }

  /** Whether a name has series of its own; it takes a slot now if one is free. */
  takesSlot(table: TableName, name: string): boolean {
    return this.#tables[table].slotOf(name) < NAME_TABLES[table]
  }

  #index(name: MetricName, labels: Words): number {
    const layout: MetricLayout = LAYOUT.metrics[name]
    let series = 0
    for (const label of layout.labels) {
      const value = labels[label.name]
      assert(value !== undefined, `${layout.definition.name} wants the label ${label.name}`)
      series = series * label.size + this.#position(label, value)
    }
    return layout.offset + series * layout.stride
  }

  #position(label: LabelLayout, value: string): number {
    if (typeof label.words === 'string') return this.#tables[label.words].slotOf(value)
    const position = label.words.indexOf(value)
    assert(position >= 0, `the label ${label.name} has no value "${value}"`)
    return position
  }
}

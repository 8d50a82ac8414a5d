import { assert } from '../../base/assert.ts'
import type { NameHash } from '../name-hash.ts'
import { GROUP_BYTES, PAGE_BYTES } from './disk-geometry.ts'
import { diskRecordBytes, roundUp, writeDiskRecord, writePadding, type DiskRecord } from './disk-record.ts'
import type { SegmentCipher } from './record-cipher.ts'
import {
  encodeFooter,
  encodeSegmentHeader,
  ENTRY_WORDS,
  entryInfo,
  footerBytes,
  SEGMENT_HEADER_BYTES,
  type SegmentLife,
} from './segment-format.ts'
import { segmentCipher, type ShardContext } from './shard-context.ts'
import type { LogPosition } from './tombstone-log.ts'

/** One group is filled while others wait for the disk: what arrives in a burst is not lost to it. */
const GROUPS = 4

const ENTRIES_AT_FIRST = 256

/** A segment that may be written from its begin. */
export interface ReadySegment {
  readonly life: SegmentLife
  readonly fd: number
}

/** What the writer asks and tells its owner. */
export interface WriterHost {
  nextSegment(): ReadySegment | undefined
  /** Nothing more is written to the segment; its descriptor is closed. */
  finished(segment: number): void
  writeFailed(error: unknown): void
}

/** Where a record went, or why it went nowhere: `busy`: the disk does not keep up; `no-room`: no segment is free. */
export type Appended = { readonly location: number; readonly info: number } | 'too-large' | 'busy' | 'no-room' | 'not-latin1'

interface OpenSegment {
  readonly life: SegmentLife
  readonly fd: number
  readonly cipher: SegmentCipher | undefined
  /** Where the next record goes. */
  at: number
  words: Int32Array
  count: number
  isBroken: boolean
}

/** Consecutive bytes of a segment on their way to the disk. */
interface Group {
  readonly open: OpenSegment
  readonly buffer: Buffer
  readonly start: number
  used: number
}

/**
 * Appends records to the open segment of a shard: gathers them in memory and writes them in large pieces that begin and end on
 * pages, one at a time, so that what is on disk is always a prefix of what was appended. Owner thread only.
 */
export class SegmentWriter {
  readonly #context: ShardContext
  readonly #host: WriterHost
  readonly #spare: Buffer[] = []
  #buffers = 0
  #open: OpenSegment | undefined
  #group: Group | undefined
  readonly #queue: (Group | OpenSegment)[] = []
  #draining: Promise<void> | undefined

  constructor(context: ShardContext, host: WriterHost) {
    this.#context = context
    this.#host = host
  }

  /** Memory that groups take. */
  get bufferBytes(): number {
    return this.#buffers * GROUP_BYTES
  }

  /** Where the next record will go: everything that was appended is before it. */
  get position(): LogPosition | undefined {
    return this.#open === undefined ? undefined : { sequence: this.#open.life.sequence, offset: this.#open.at }
  }

  /** Takes a copy of the record. It can be read by the owner at once, by everybody when it is written. */
  append(record: DiskRecord, hash: NameHash): Appended {
    const { format, table } = this.#context
    const bytes = diskRecordBytes(record, format)
    if (bytes === undefined) return 'too-large'
    const room = this.#roomFor(bytes)
    if (typeof room === 'string') return room
    const { open } = room
    const target = room.buffer.subarray(room.used, room.used + bytes)
    const place = { sequence: open.life.sequence, salt: open.life.salt, offset: open.at }
    if (!writeDiskRecord(target, record, { hash, place, format, cipher: open.cipher })) return 'not-latin1'
    const info = entryInfo(bytes / format.granuleBytes, record.blockNo === undefined)
    const location = table.locationOf(open.life.segment, open.at)
    addEntry(open, [hash.lo, hash.hi, open.at / format.granuleBytes, info])
    room.used += bytes
    open.at += bytes
    return { location, info }
  }

  /** The bytes of a record that is not on disk yet; valid until the owner's next turn. */
  pending(segment: number, offset: number, length: number): Buffer | undefined {
    const groups = [this.#group, ...this.#queue.filter((task): task is Group => 'buffer' in task)]
    for (const group of groups) {
      if (group === undefined || group.open.life.segment !== segment) continue
      const from = offset - group.start
      if (from >= 0 && from + length <= group.used) return group.buffer.subarray(from, from + length)
    }
    return undefined
  }

  /** Writes what was gathered; resolves when everything appended so far is on disk or lost. */
  async flush(): Promise<void> {
    this.#closeGroup()
    await this.#draining
  }

  /** Ends the open segment: it gets its footer. */
  async seal(): Promise<void> {
    this.#sealOpen()
    await this.#draining
  }

  /** Forgets the open segment and what was not written of it. */
  async abandon(): Promise<void> {
    if (this.#open !== undefined) this.#break(this.#open, this.#group?.start ?? this.#open.at)
    await this.#draining
  }

  #roomFor(bytes: number): Group | 'busy' | 'no-room' {
    const { segmentBytes } = this.#context.geometry
    const open = this.#open
    const isFull = open !== undefined && open.at + bytes + footerBytes(open.count + 1) > segmentBytes
    // One page is kept for the padding at the end.
    const isGroupFull = this.#group !== undefined && this.#group.used + bytes > GROUP_BYTES - PAGE_BYTES
    if (!isFull && !isGroupFull && this.#group !== undefined) return this.#group
    if (isFull) this.#sealOpen()
    else if (isGroupFull) this.#closeGroup()
    if (this.#spare.length === 0 && this.#buffers === GROUPS) return 'busy'
    if (this.#open === undefined && !this.#begin()) return 'no-room'
    return this.#group ?? this.#beginGroup()
  }

  /** Opens the next segment; its header is the begin of its first group. */
  #begin(): boolean {
    const ready = this.#host.nextSegment()
    if (ready === undefined) return false
    this.#open = {
      life: ready.life,
      fd: ready.fd,
      cipher: segmentCipher(this.#context, ready.life),
      at: 0,
      words: new Int32Array(ENTRIES_AT_FIRST * ENTRY_WORDS),
      count: 0,
      isBroken: false,
    }
    const group = this.#beginGroup()
    encodeSegmentHeader(group.buffer.subarray(0, SEGMENT_HEADER_BYTES), ready.life, this.#context.format.checksumSeed)
    group.used = SEGMENT_HEADER_BYTES
    this.#open.at = SEGMENT_HEADER_BYTES
    return true
  }

  #beginGroup(): Group {
    const open = this.#open
    assert(open !== undefined, 'a group belongs to an open segment')
    let buffer = this.#spare.pop()
    if (buffer === undefined) {
      buffer = Buffer.allocUnsafeSlow(GROUP_BYTES)
      this.#buffers++
    }
    this.#group = { open, buffer, start: open.at, used: 0 }
    return this.#group
  }

  #closeGroup(): void {
    const group = this.#group
    if (group === undefined) return
    const { open } = group
    const end = roundUp(open.at, PAGE_BYTES)
    if (end > open.at) {
      const place = { sequence: open.life.sequence, salt: open.life.salt, offset: open.at }
      writePadding(group.buffer.subarray(group.used, group.used + end - open.at), place, this.#context.format)
      group.used += end - open.at
      open.at = end
    }
    this.#group = undefined
    this.#enqueue(group)
  }

  #sealOpen(): void {
    const open = this.#open
    if (open === undefined) return
    this.#closeGroup()
    this.#open = undefined
    this.#enqueue(open)
  }

  #enqueue(task: Group | OpenSegment): void {
    this.#queue.push(task)
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
  }

  /** One write at a time: a later group is never on disk without the earlier one. */
  async #drain(): Promise<void> {
    for (let task = this.#queue[0]; task !== undefined; task = this.#queue[0]) {
      if ('buffer' in task) {
        await this.#writeGroup(task)
        this.#spare.push(task.buffer)
      } else await this.#writeFooter(task)
      this.#queue.shift()
    }
  }

  async #writeGroup(group: Group): Promise<void> {
    const { open, buffer, start, used } = group
    if (open.isBroken) return
    try {
      await this.#context.files.write(open.fd, buffer.subarray(0, used), start)
    } catch (error) {
      this.#break(open, start)
      this.#host.writeFailed(error)
      return
    }
    this.#context.table.setWrittenTo(open.life.segment, start + used)
    this.#context.counters.writtenBytes += used
  }

  async #writeFooter(open: OpenSegment): Promise<void> {
    const { files, geometry, counters, format } = this.#context
    const footer = encodeFooter(open, open.life, format.checksumSeed)
    try {
      if (!open.isBroken) {
        await files.write(open.fd, footer, geometry.segmentBytes - footer.length)
        counters.writtenBytes += footer.length
      }
    } catch (error) {
      // Its records are there all the same: whoever needs the list scans for them.
      this.#host.writeFailed(error)
    }
    await files.close(open.fd).catch(() => undefined)
    this.#host.finished(open.life.segment)
  }

  /** What was to stand from `from` on will never be on disk. */
  #break(open: OpenSegment, from: number): void {
    if (open.isBroken) return
    open.isBroken = true
    const { index, table, format, counters } = this.#context
    for (let i = 0; i < open.count; i++) {
      const word = i * ENTRY_WORDS
      const offset = (open.words[word + 2] ?? 0) * format.granuleBytes
      if (offset < from) continue
      const slot = index.slotOf({ lo: open.words[word] ?? 0, hi: open.words[word + 1] ?? 0 }, table.locationOf(open.life.segment, offset))
      if (slot === undefined) continue
      index.clear(slot)
      counters.lostRecords++
    }
    if (this.#open !== open) return
    if (this.#group !== undefined) this.#spare.push(this.#group.buffer)
    this.#group = undefined
    this.#open = undefined
    this.#enqueue(open)
  }
}

function addEntry(open: OpenSegment, entry: readonly [number, number, number, number]): void {
  const word = open.count * ENTRY_WORDS
  if (word === open.words.length) {
    const longer = new Int32Array(2 * open.words.length)
    longer.set(open.words)
    open.words = longer
  }
  open.words.set(entry, word)
  open.count++
}

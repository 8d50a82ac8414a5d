import type { FetchAsk, ObjectVersion, PieceSource } from './api.ts'

/** Bytes that lie in shared memory, handed to another worker. */
export interface PieceRef {
  readonly source: PieceSource
  /** First byte and length in the arena, or in `lent.memory`. */
  readonly offset: number
  readonly length: number
  /** Private memory of the sender, who keeps it until `id` is returned. Absent: in the arena, pinned for the receiver. */
  readonly lent?: { readonly id: number; readonly memory: SharedArrayBuffer }
}

/** A failure on its way to another worker: errors lose their class when they are cloned. */
export type ForeignError =
  | { readonly kind: 'version-gone'; readonly message: string }
  | { readonly kind: 'body-mismatch'; readonly message: string; readonly longer: boolean }
  /** What the layer above makes of errors of its own. */
  | { readonly kind: 'other'; readonly value: unknown }

/** What the caches of two workers say to each other. All of it survives a structured clone. */
export type CacheMessage = OwnerMessage | ReadMessage

/** About objects and room. */
export type OwnerMessage =
  /** To the owner: its object's generation was advanced; forget it and say so. */
  | { readonly kind: 'invalidate'; readonly id: number; readonly key: string }
  | { readonly kind: 'invalidated'; readonly id: number }
  /** To the owner: see `Cache.keepOffDisk`; and that it is over. */
  | { readonly kind: 'keep-off-disk'; readonly key: string; readonly begins: boolean }
  /** To the owner: a reader found this record damaged. */
  | { readonly kind: 'corrupt'; readonly lo: number; readonly hi: number; readonly location: number }
  /** To an owner who has older segments than the sender: give one to the pool. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'yielded'; readonly given: boolean }
  /** To an owner who waits for room: something was unpinned, or given to the pool. */
  | { readonly kind: 'room' }

/** About a read that the owner does for another worker. */
export type ReadMessage =
  /** To the owner: read bytes [start, end) for the sender. */
  | {
      readonly kind: 'read'
      readonly id: number
      readonly version: ObjectVersion
      readonly start: number
      readonly end: number
      readonly ask: FetchAsk
      readonly generation: number
      readonly own: boolean
    }
  /** The next bytes of a read. After `ended` there are none, and the read is forgotten. */
  | { readonly kind: 'pieces'; readonly id: number; readonly pieces: readonly PieceRef[]; readonly ended: boolean }
  /** The read is over: its next bytes will not come. */
  | { readonly kind: 'failed'; readonly id: number; readonly error: ForeignError }
  /** To the owner: so many bytes of a read were taken by its reader; as many more may be sent. */
  | { readonly kind: 'taken'; readonly id: number; readonly bytes: number }
  /** To the owner: nobody wants the rest. */
  | { readonly kind: 'close'; readonly id: number }
  /** Lent memory is not used any more. */
  | { readonly kind: 'returned'; readonly id: number }

const READ_KINDS: ReadonlySet<CacheMessage['kind']> = new Set([
  'read',
  'pieces',
  'failed',
  'taken',
  'close',
  'returned',
] satisfies ReadMessage['kind'][])

export function isAboutRead(message: CacheMessage): message is ReadMessage {
  return READ_KINDS.has(message.kind)
}

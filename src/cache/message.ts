/** What the caches of two workers say to each other. All of it survives a structured clone. */
export type CacheMessage =
  /** To the owner: its object's generation was advanced; forget it and say so. */
  | { readonly kind: 'invalidate'; readonly id: number; readonly key: string }
  | { readonly kind: 'invalidated'; readonly id: number }
  /** To the owner: a reader found this record damaged. */
  | { readonly kind: 'corrupt'; readonly lo: number; readonly hi: number; readonly location: number }

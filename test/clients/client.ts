import type { Credentials } from './sign.ts'

/** What a client is asked to do. The words are those of the drivers' line protocol too. */
export type Action =
  | 'list'
  | 'head'
  | 'get'
  | 'range'
  /** A read over several connections. */
  | 'multi'
  | 'put'
  | 'multipart'
  | 'copy'
  | 'remove'
  /** Several keys with one request, where the client can. */
  | 'removeMany'
  | 'presignGet'
  | 'presignPut'
  | 'conditional'

export interface ActionArgs {
  readonly bucket: string
  readonly key?: string
  /** Where a read puts its bytes, or where a write takes them from. */
  readonly file?: string
  /** First and last byte, both inclusive; without `last` to the end. A negative `first` without `last` is a suffix. */
  readonly first?: number
  readonly last?: number
  /** Size of the object that is read, where a client must know it. */
  readonly sizeBytes?: number
  readonly source?: string
  readonly keys?: readonly string[]
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
}

export interface Answer {
  readonly sizeBytes?: number
  readonly etag?: string
  /** Status code, for `conditional`. */
  readonly status?: number
  readonly url?: string
  readonly listed?: readonly { readonly key: string; readonly sizeBytes: number }[]
  /** The Cache-Status field of every response of the action, '' where one had none; absent where the client hides its headers. */
  readonly cacheStatus?: readonly string[]
}

/** Where the bucket stands: in the path or in the host name. */
export type Style = 'path' | 'virtual-host'

/** Where a client is pointed at. */
export interface Target {
  readonly endpoint: string
  readonly credentials: Credentials
  readonly style: Style
  /** The authority that signed the endpoint's certificate, where it speaks TLS. */
  readonly caFile: string | undefined
  /** A directory of the client's own, for its configuration. */
  readonly home: string
}

/** A client that was told its endpoint. */
export interface Session {
  /** Rejects where the client reports a failure. */
  act(action: Action, args: ActionArgs): Promise<Answer>
  close(): Promise<void>
}

/** What a client that is a program does for each action; an answer is given only where there is something to tell. */
export type ActionTable = Readonly<Partial<Record<Action, (args: ActionArgs) => Promise<Answer | undefined>>>>

/** A session of a client that runs a program for every action and holds nothing in between. */
export function sessionOf(table: ActionTable, close?: () => void): Session {
  return {
    async act(action, args) {
      const perform = table[action]
      if (perform === undefined) throw new Error(`Cannot ${action}: the client has no such action`)
      return (await perform(args)) ?? {}
    },
    close: async () => close?.(),
  }
}

export interface Client {
  readonly name: string
  version(): Promise<string>
  /** Why this client cannot do such a thing by its own nature, whatever the server; undefined where it can. */
  limit(action: Action, args: ActionArgs): string | undefined
  /** What its lists show for a key; undefined where they leave it out. Absent: the key as it is. */
  listedAs?(key: string): string | undefined
  open(target: Target): Promise<Session>
}

/** The URL of an object, or of the bucket, in the target's style. */
export function targetUrl(target: Target, bucket: string, path = ''): string {
  const { protocol, host } = new URL(target.endpoint)
  return target.style === 'path' ? `${target.endpoint}/${bucket}${path}` : `${protocol}//${bucket}.${host}${path}`
}

/** Reads go through this: the longest time that one action of a client may take. */
export const ACTION_TIMEOUT_MS = 90_000

const NOT_FOUND = /\b404\b|NoSuchKey|not ?found|No such file|does not exist/i

/** True where a client says in its own words that there is no such object. */
export function saysNotFound(error: unknown): boolean {
  return error instanceof Error && NOT_FOUND.test(error.message)
}

/** Every key that an action is about. */
export function keysOf(args: ActionArgs): string[] {
  return [args.key, args.source, ...(args.keys ?? [])].filter((key) => key !== undefined)
}

/** Keys that a file system path cannot be: each form with the reason that clients give who make paths of keys. */
export function pathLimit(args: ActionArgs): string | undefined {
  const keys = keysOf(args)
  if (keys.some((key) => /^\/|\/\//.test(key))) return 'has no empty path segments'
  if (keys.some((key) => key.endsWith('/'))) return 'takes a key that ends in a slash for a folder'
  return keys.some((key) => /(^|\/)\.{1,2}(\/|$)/.test(key)) ? 'resolves dot segments' : undefined
}

/** The Range field of HTTP for an action's `first` and `last`. */
export function rangeField(args: ActionArgs): string {
  if (args.first === undefined) throw new Error('Cannot make a range: first is absent')
  return args.first < 0 ? `bytes=${args.first}` : `bytes=${args.first}-${args.last ?? ''}`
}

/** An argument that the scenario always gives for this action. */
export function need<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`Cannot act: argument "${name}" is absent`)
  return value
}

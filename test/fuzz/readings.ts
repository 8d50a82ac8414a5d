/** One request as a reader understood it. */
export interface ReadRequest {
  readonly method: string
  readonly target: string
  /** Names in lower case and values, flat. */
  readonly headers: readonly string[]
  /** Latin1. */
  body: string
  /** False while the body goes on. */
  complete: boolean
}

/** What a reader made of the bytes of a connection. */
export interface Reading {
  readonly requests: readonly ReadRequest[]
  /** Why it stopped reading; undefined where it would go on. */
  readonly refusal: string | undefined
  /** It reads no further because a request asked for the end of the connection. */
  readonly closed: boolean
  /** It stopped after a request to switch protocols. */
  readonly upgraded: boolean
  /** It refuses what it has of the last body as soon as the line ends; it reads trailers only when they are whole. */
  readonly doubtful: boolean
}

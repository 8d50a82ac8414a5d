import { createRequire } from 'node:module'
import type { Reading, ReadRequest } from './readings.ts'

/** The part of Node's HTTP parser that `node:http` itself uses. */
interface NodeParser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void
  execute(bytes: Buffer): number | (Error & { readonly code: string; readonly reason: string })
  [callback: number]: (...args: never[]) => unknown
}

/** Major and minor version, fields, method, target, status, status text, upgrade, keep-alive. */
type HeadArguments = [number, number, string[] | undefined, number, string | undefined, unknown, unknown, boolean, boolean]

interface NodeParserClass {
  new (): NodeParser
  readonly REQUEST: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}

const common = createRequire(import.meta.url)('node:_http_common') as unknown as {
  readonly HTTPParser: NodeParserClass
  readonly methods: readonly string[]
}
const { HTTPParser, methods } = common

const MAX_HEADER_BYTES = 1024 * 1024
/** llhttp in its default strictness, as `http.createServer()` uses it. */
const NO_LENIENCY = 0

/** Reads connections with the parser of `node:http`: the reference. */
export class NodeReader {
  readonly #parser = new HTTPParser()

  read(packets: readonly Buffer[]): Reading {
    const requests: ReadRequest[] = []
    const parser = this.#parser
    let url = ''
    let upgraded = false
    let pending: string[] = []
    parser.initialize(HTTPParser.REQUEST, {}, MAX_HEADER_BYTES, NO_LENIENCY)
    // Many fields come in several portions, and trailers come here too.
    parser[HTTPParser.kOnHeaders] = (headers: string[], portion: string) => {
      pending.push(...headers)
      url += portion
    }
    parser[HTTPParser.kOnHeadersComplete] = (...[, , headers, method, target, , , upgrade]: HeadArguments) => {
      const all = pending.length > 0 ? pending : (headers ?? [])
      requests.push({
        method: methods[method] ?? '?',
        target: target ?? url,
        headers: all.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text)),
        body: '',
        complete: false,
      })
      pending = []
      url = ''
      upgraded ||= upgrade
      return 0
    }
    parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
      const request = requests.at(-1)
      if (request !== undefined) request.body += bytes.toString('latin1')
    }
    parser[HTTPParser.kOnMessageComplete] = () => {
      const request = requests.at(-1)
      if (request !== undefined) request.complete = true
      pending = []
      url = ''
    }
    for (const packet of packets) {
      const result = parser.execute(packet)
      if (typeof result !== 'number')
        return { requests, refusal: result.code, closed: result.code === 'HPE_CLOSED_CONNECTION', upgraded, doubtful: false }
    }
    return { requests, refusal: undefined, closed: false, upgraded, doubtful: false }
  }
}

import { seededRandom } from '../../src/base/random.ts'
import {
  CONNECTIONS,
  EXTENSIONS,
  METHODS,
  NAMES,
  ODD_CODINGS,
  ODD_EXTENSIONS,
  ODD_HOSTS,
  ODD_LENGTHS,
  ODD_LINE_ENDS,
  ODD_METHODS,
  ODD_NAMES,
  ODD_TARGETS,
  ODD_TRAILERS,
  ODD_VALUES,
  ODD_VERSIONS,
  SPECIAL_BYTES,
  TARGETS,
  VALUES,
} from './request-vocabulary.ts'

/** Bytes of one connection, and how they are cut into packets. */
export interface FuzzCase {
  readonly bytes: Buffer
  readonly packets: readonly Buffer[]
  /** Nothing about it is odd: whoever refuses it is wrong. */
  readonly clean: boolean
}

/** Case `index` of a run: pipelined requests from a grammar that likes framing tricks, some of them mutated afterwards. */
export function generateCase(seed: number, index: number): FuzzCase {
  const maker = new RequestMaker(seededRandom(seed ^ Math.imul(index + 1, 0x9e3779b1)))
  let text = ''
  const count = 1 + maker.below(4)
  for (let i = 0; i < count; i += 1) text += maker.request()
  if (maker.oddly(0.3)) text = maker.mutate(text)
  if (maker.chance(0.1)) text = text.slice(0, maker.below(text.length + 1))
  const bytes = Buffer.from(text, 'latin1')
  return { bytes, packets: maker.cut(bytes), clean: maker.clean }
}

/** How often a part of an otherwise good request is odd. */
const ODD = 0.02

interface Body {
  readonly fields: string[]
  readonly bytes: string
  readonly chunked: boolean
}

class RequestMaker {
  clean = true
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  /** A chance to do something odd. */
  oddly(probability: number): boolean {
    if (!this.chance(probability)) return false
    this.clean = false
    return true
  }

  request(): string {
    const body = this.#body()
    const fields = [...this.#hosts(), ...body.fields]
    for (let i = this.below(4); i > 0; i -= 1) fields.push(this.#field())
    if (this.chance(0.25)) fields.push(`Connection: ${this.#pick(CONNECTIONS)}`)
    if (this.chance(0.03)) fields.push(`Expect: ${this.#pick(['100-continue', '100-Continue', 'x', '', '100-continue, x'])}`)
    if (this.chance(0.02)) fields.push('Upgrade: websocket')
    this.#shuffle(fields)
    let text = this.#leading() + this.#startLine(body.chunked) + this.#lineEnd()
    for (const field of fields) text += field + this.#lineEnd()
    return text + this.#lineEnd() + body.bytes
  }

  mutate(text: string): string {
    let mutated = text
    for (let i = 1 + this.below(3); i > 0; i -= 1) {
      const at = this.below(mutated.length + 1)
      const length = this.below(4)
      switch (this.below(4)) {
        case 0:
          mutated = mutated.slice(0, at) + mutated.slice(at + length)
          break
        case 1:
          mutated = mutated.slice(0, at) + this.#pick(SPECIAL_BYTES) + mutated.slice(at)
          break
        case 2:
          mutated = mutated.slice(0, at) + this.#pick(SPECIAL_BYTES) + mutated.slice(at + 1)
          break
        default: {
          const from = this.below(mutated.length + 1)
          mutated = mutated.slice(0, at) + mutated.slice(from, from + this.below(40)) + mutated.slice(at)
        }
      }
    }
    return mutated
  }

  /** One packet, a few, or a byte at a time. */
  cut(bytes: Buffer): Buffer[] {
    const style = this.below(4)
    if (style === 0) return [bytes]
    const packets: Buffer[] = []
    const most = style === 1 ? 1 : style === 2 ? 20 : 200
    for (let at = 0; at < bytes.length;) {
      const size = 1 + this.below(most)
      packets.push(bytes.subarray(at, at + size))
      at += size
    }
    return packets
  }

  #leading(): string {
    return this.oddly(0.04) ? this.#pick(['\r\n', '\r\n', '\n', '\r', '\r\n\r\n', ' ', '\t\r\n', '\x00']) : ''
  }

  #startLine(chunked: boolean): string {
    const method = this.#oddPick(METHODS, ODD_METHODS)
    const target = this.#oddPick(TARGETS, ODD_TARGETS)
    const version = this.oddly(ODD) ? this.#pick(ODD_VERSIONS) : (chunked ? this.oddly(ODD) : this.chance(0.1)) ? 'HTTP/1.0' : 'HTTP/1.1'
    const blank = (): string => (this.oddly(ODD / 2) ? this.#pick(['  ', '\t', '', ' \t', '\r']) : ' ')
    return method + blank() + target + blank() + version
  }

  #lineEnd(): string {
    return this.oddly(ODD / 4) ? this.#pick(ODD_LINE_ENDS) : '\r\n'
  }

  #hosts(): string[] {
    if (this.oddly(ODD)) return []
    const host = `${this.#caseOf('Host')}:${this.#blanks()}${this.oddly(ODD) ? this.#pick(ODD_HOSTS) : 'localhost:9000'}`
    return this.oddly(ODD) ? [host, host] : [host]
  }

  #field(): string {
    const name = this.#oddPick(NAMES, ODD_NAMES)
    return `${name}:${this.#blanks()}${this.#oddPick(VALUES, ODD_VALUES)}${this.#blanks()}`
  }

  #body(): Body {
    const kind = this.below(10)
    if (kind < 4) return { fields: [], bytes: '', chunked: false }
    const content = this.chance(0.3)
      ? 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n'
      : 'abcdefghijklmnopqrstuvwxyz0123456789'.slice(0, this.below(37))
    if (kind < 7) return this.#lengthBody(content)
    const chunked = this.#chunkedBody(content)
    if (this.oddly(0.08)) {
      const both = this.#lengthBody(chunked.bytes)
      return { fields: [...chunked.fields, ...both.fields], bytes: chunked.bytes, chunked: true }
    }
    return chunked
  }

  #lengthBody(content: string): Body {
    const length = this.oddly(0.06) ? this.#pick(ODD_LENGTHS) : String(content.length + (this.oddly(0.03) ? this.below(5) - 2 : 0))
    const field = `${this.#nameWithTricks('Content-Length')}${this.#blanks()}${length}${this.#blanks()}`
    return { fields: this.oddly(0.03) ? [field, this.chance(0.5) ? field : 'Content-Length: 1'] : [field], bytes: content, chunked: false }
  }

  #chunkedBody(content: string): Body {
    const coding = this.oddly(0.06) ? this.#pick(ODD_CODINGS) : 'chunked'
    const field = `${this.#nameWithTricks('Transfer-Encoding')}${this.#blanks()}${coding}${this.oddly(ODD) ? this.#blanks() : this.#pick(['', ' '])}`
    let bytes = ''
    for (let at = 0; at < content.length;) {
      const size = 1 + this.below(20)
      const part = content.slice(at, at + size)
      bytes += this.#chunk(part)
      at += size
    }
    bytes += `${this.#pick(['0', '0', '0', '00', '000'])}${this.#extension()}${this.#lineEnd()}${this.#trailers()}${this.#lineEnd()}`
    return { fields: this.oddly(0.03) ? [field, this.chance(0.5) ? field : 'Transfer-Encoding: identity'] : [field], bytes, chunked: true }
  }

  #chunk(part: string): string {
    const hex = part.length.toString(16)
    const odd = [
      `0x${hex}`,
      `+${hex}`,
      `-${hex}`,
      ` ${hex}`,
      `${hex} `,
      `${hex}h`,
      '',
      `1000000000000000${hex}`,
      `0000000000000000${hex}`,
      `${hex}_`,
      `\t${hex}`,
      'FFFFFFFFFFFFFFFF',
      '7fffffffffffffff',
      `/${hex}`,
      `:${hex}`,
      `@${hex}`,
      `${hex}\``,
      `${hex}g`,
    ]
    const size = this.oddly(ODD) ? this.#pick(odd) : this.#pick([hex, hex, hex.toUpperCase(), `0${hex}`])
    return size + this.#extension() + this.#lineEnd() + part + this.#lineEnd()
  }

  #extension(): string {
    if (this.oddly(ODD)) return this.#pick(ODD_EXTENSIONS)
    return this.chance(0.1) ? this.#pick(EXTENSIONS) : ''
  }

  #trailers(): string {
    if (!this.chance(0.15)) return ''
    return this.oddly(0.15) ? `${this.#pick(ODD_TRAILERS)}\r\n` : `${this.#field()}${this.#lineEnd()}`
  }

  #nameWithTricks(name: string): string {
    if (!this.oddly(ODD)) return `${this.#caseOf(name)}:`
    return this.#pick([
      `${name} :`,
      ` ${name}:`,
      `${name}\t:`,
      `${name}\r\n :`,
      `X-${name}:`,
      `${name}\x00:`,
      name,
      `\n${name}:`,
      `${name}::`,
    ])
  }

  #caseOf(name: string): string {
    const style = this.below(4)
    return style === 0 ? name.toLowerCase() : style === 1 ? name.toUpperCase() : name
  }

  #blanks(): string {
    return this.#pick(['', ' ', ' ', ' ', '\t', '  \t '])
  }

  #oddPick(usual: readonly string[], odd: readonly string[]): string {
    return this.oddly(ODD) ? this.#pick(odd) : this.#pick(usual)
  }

  #pick(list: readonly string[]): string {
    return list[this.below(list.length)] ?? ''
  }

  #shuffle(list: string[]): void {
    for (let i = list.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1)
      const swapped = list[i] ?? ''
      list[i] = list[j] ?? ''
      list[j] = swapped
    }
  }
}

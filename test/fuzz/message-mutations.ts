import type { Message } from './signed-samples.ts'

/** A message with one byte changed, taken out or put in. */
export interface Mutation {
  readonly message: Message
  /** Which part: `method`, `target`, `name of <field>`, `value of <field>`. */
  readonly part: string
  /** Where in that part. */
  readonly at: number
}

/** A part of a message, the bytes that may stand in it, and the message with another text there. */
interface Part {
  readonly name: string
  readonly text: string
  readonly allowed: readonly string[]
  readonly with: (text: string) => Message
}

const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
/** What the parser lets through; see `BYTE_CLASS` of the engine. */
const TOKEN = BYTES.filter((byte) => /[!#$%&'*+\-.^_`|~0-9a-z]/.test(byte))
const METHOD = BYTES.filter((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(byte))
const TARGET = BYTES.filter((byte) => byte > ' ' && byte !== '\u007f' && byte !== '#')
const VALUE = BYTES.filter((byte) => byte === '\t' || (byte >= ' ' && byte !== '\u007f'))

function partsOf(message: Message): Part[] {
  const { method, target, headers } = message
  const parts: Part[] = [
    { name: 'method', text: method, allowed: METHOD, with: (text) => ({ ...message, method: text }) },
    // The first slash is what makes it a path.
    { name: 'target', text: target.slice(1), allowed: TARGET, with: (text) => ({ ...message, target: `/${text}` }) },
  ]
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const replaced = (at: number) => (text: string) => ({ ...message, headers: headers.with(at, text) })
    parts.push({ name: `name of ${name}`, text: name, allowed: TOKEN, with: replaced(i) })
    // The parser takes outer blanks away.
    const trimmed = (text: string): Message => replaced(i + 1)(text.replace(/^[\t ]+|[\t ]+$/g, ''))
    parts.push({ name: `value of ${name}`, text: headers[i + 1]!, allowed: VALUE, with: trimmed })
  }
  return parts
}

/** Which bytes to put in a place: of `allowed`, all or some. */
export type Choice = (allowed: readonly string[], old: string | undefined) => Iterable<string>

/** Every place of a message changed, once for each byte that is chosen for it, and once with the byte taken out. */
export function* mutationsOf(message: Message, choose: Choice): Generator<Mutation> {
  for (const part of partsOf(message)) {
    for (let at = 0; at <= part.text.length; at++) {
      for (const text of changedAt(part, at, choose)) {
        if (text !== '' || part.name.startsWith('value')) yield { message: part.with(text), part: part.name, at }
      }
    }
  }
}

function changedAt({ text, allowed }: Part, at: number, choose: Choice): string[] {
  const before = text.slice(0, at)
  const old = text[at]
  const inserted = Array.from(choose(allowed, old), (byte) => before + byte + text.slice(at))
  if (old === undefined) return inserted
  const after = text.slice(at + 1)
  const replaced = Array.from(choose(allowed, old), (byte) => before + byte + after).filter((other) => other !== text)
  return [...inserted, before + after, ...replaced]
}

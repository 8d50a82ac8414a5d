import type { Message } from './signed-samples.ts'

/*
 * What a signed request means, written down as plainly as can be and without any code of the verifier: two messages of one meaning are
 * the same request, of the same sender.
 */

/** Bytes that percent-encoding stands for; undefined for a bad escape. */
export function decoded(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  return text.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

export function targetOf(message: Message): { readonly path: string; readonly query: string } {
  const [path = '', ...query] = message.target.split('?')
  return { path, query: query.join('?') }
}

/** Decoded names and values, sorted; undefined for a bad escape. */
export function parametersOf(query: string): [name: string, value: string][] | undefined {
  const pairs: [string, string][] = []
  for (const piece of query.split('&')) {
    if (piece === '') continue
    const [name = '', ...value] = piece.split('=')
    const pair = [name, value.join('=')].map((text) => decoded(text.replaceAll('+', ' ')))
    if (pair[0] === undefined || pair[1] === undefined) return undefined
    pairs.push([pair[0], pair[1]])
  }
  return pairs.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1))
}

export function valuesOf(message: Message, name: string): string[] {
  return message.headers.filter((_, i) => i % 2 === 1 && message.headers[i - 1] === name)
}

/** The parts of an Authorization value, blanks around them aside; undefined where it is none. */
export function authorizationOf(value: string | undefined): { credential: string; signedHeaders: string; signature: string } | undefined {
  const [algorithm = '', ...rest] = (value ?? '').split(/[ \t]/)
  const parts = new Map(
    rest
      .join(' ')
      .split(',')
      .map((part) => {
        const [name = '', ...text] = part.split('=')
        return [name.trim(), text.join('=').trim()]
      }),
  )
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) => parts.get(name))
  const whole = algorithm === 'AWS4-HMAC-SHA256' && parts.size === 3
  return whole && credential && signedHeaders && signature ? { credential, signedHeaders, signature } : undefined
}

/** A text that is the same for two messages exactly if they mean the same; undefined for what means nothing. */
export function meaningOf(message: Message): string | undefined {
  const { path, query } = targetOf(message)
  const key = decoded(path)
  const parameters = parametersOf(query)
  const authorizations = valuesOf(message, 'authorization')
  if (key === undefined || parameters === undefined || authorizations.length > 1) return undefined
  const authorization = authorizationOf(authorizations[0])
  if (authorizations.length === 1 && authorization === undefined) return undefined
  const names = authorization?.signedHeaders ?? parameters.find(([name]) => name === 'X-Amz-SignedHeaders')?.[1] ?? ''
  // A signed field that is not there counts as an empty one.
  const fields = names.split(';').map((name) =>
    valuesOf(message, name)
      .map((value) => value.replaceAll(/ +/g, ' '))
      .join(','),
  )
  const unsigned = message.headers.filter((name, i) => i % 2 === 0 && name.startsWith('x-amz-') && !names.split(';').includes(name))
  return JSON.stringify([message.method, key, parameters, authorization, fields, unsigned])
}

import type { Reading, ReadRequest } from './readings.ts'

/**
 * What is wrong with our reading beside Node's, or undefined. We may refuse more than Node does, never accept more, and what both accept has to
 * be the same request.
 *
 * Three deliberate differences: raw bytes from 0x80 up in a target are taken here (S3 keys) and refused by Node; a request to switch protocols is
 * a request like any other here (RFC 9110 section 7.8), while Node reads no further; `Proxy-Connection`, which no standard has, is nothing here,
 * while it closes a connection of Node's.
 */
export function compareReadings(ours: Reading, nodes: Reading): string | undefined {
  for (const [index, request] of ours.requests.entries()) {
    const other = nodes.requests[index]
    if (nodes.upgraded && index >= nodes.requests.length - 1) return undefined
    if (other === undefined) {
      if (isDeliberate(nodes, request, ours.requests[index - 1])) return undefined
      return `request ${index} is accepted here; Node says ${nodes.refusal ?? 'nothing yet'}`
    }
    const difference = compareHeads(request, other) ?? compareBodies(request, other, ours.refusal !== undefined)
    if (difference !== undefined) return `request ${index}: ${difference}; Node says ${nodes.refusal ?? 'nothing'}`
  }
  return ours.refusal !== undefined || ours.closed ? undefined : compareEnds(ours, nodes)
}

function isDeliberate(nodes: Reading, request: ReadRequest, before: ReadRequest | undefined): boolean {
  if (nodes.refusal === 'HPE_INVALID_URL') return /[\x80-\xff]/.test(request.target)
  return nodes.closed && before?.headers.includes('proxy-connection') === true
}

/** Where we would read on, Node must have stopped nowhere, unless it is in a head that we have not seen the end of either. */
function compareEnds(ours: Reading, nodes: Reading): string | undefined {
  if (nodes.requests.length > ours.requests.length) return `Node reads ${nodes.requests.length} requests, we ${ours.requests.length}`
  const last = ours.requests.at(-1)
  if (last !== undefined && !last.complete && nodes.refusal !== undefined && !ours.doubtful)
    return `the body is accepted here; Node says ${nodes.refusal}`
  return undefined
}

function compareHeads(ours: ReadRequest, nodes: ReadRequest): string | undefined {
  if (ours.method !== nodes.method) return `method ${ours.method} here, ${nodes.method} there`
  const target = originForm(nodes.target)
  if (ours.target !== target) return `target ${ours.target} here, ${target} there`
  const isAbsolute = target !== nodes.target
  for (const [i, text] of ours.headers.entries()) {
    const replaced = isAbsolute && ours.headers[i - 1] === 'host'
    if (!replaced && text !== nodes.headers[i]) return `field ${text} here, ${nodes.headers[i] ?? 'none'} there`
  }
  return ours.headers.length === nodes.headers.length ? undefined : 'another number of fields'
}

/** `refused`: we stopped in the middle of this body perhaps, so that Node may have more of it. */
function compareBodies(ours: ReadRequest, nodes: ReadRequest, refused: boolean): string | undefined {
  if (ours.complete && !nodes.complete) return 'complete here, not there'
  const isSame = ours.complete ? ours.body === nodes.body : nodes.body.startsWith(ours.body)
  if (!isSame) return `body ${ours.body} here, ${nodes.body} there`
  if (ours.complete || refused) return undefined
  return nodes.complete || nodes.body !== ours.body ? 'incomplete here, further there' : undefined
}

function originForm(target: string): string {
  const rest = /^https?:\/\/[^/?]*(.*)$/i.exec(target)?.[1]
  if (rest === undefined) return target
  return rest.startsWith('/') ? rest : `/${rest}`
}

import { createHash, timingSafeEqual } from 'node:crypto'
import { isLoopback } from '../config/option-text.ts'

/** Why a request may not be answered. */
interface Rejection {
  readonly status: 401 | 403
  readonly message: string
}

/** Decides who may ask: by token where there is one, else by the name under which the loopback address was called. */
export type Admission = (headers: {
  readonly host: string | undefined
  readonly authorization: string | undefined
}) => Rejection | undefined

export function createAdmission(token: string | undefined): Admission {
  return token === undefined ? ({ host }) => checkHost(host) : ({ authorization }) => checkToken(token, authorization)
}

/**
 * A page from elsewhere can make a browser on this machine call 127.0.0.1 under a name of its own (DNS rebinding) and read
 * the answer. Such a call has that name in its Host field.
 */
function checkHost(host: string | undefined): Rejection | undefined {
  const name = host?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (name !== undefined && isLoopback(name.toLowerCase())) return undefined
  return { status: 403, message: `Cannot answer for host "${name ?? ''}": wanted localhost, 127.0.0.1 or [::1]` }
}

function checkToken(token: string, authorization: string | undefined): Rejection | undefined {
  const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
  // Digests have one length, so the comparison tells nothing about the token.
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return undefined
  return { status: 401, message: 'Cannot answer without the admin token: wanted the field "Authorization: Bearer <token>"' }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

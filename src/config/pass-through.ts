import type { OriginConfig } from './config.ts'
import type { ResolveScope } from './resolve-origins.ts'
import type { RawConfig } from './schema.ts'

/**
 * Reports what does not go with pass-through or mixed, where requests reach the origin as the clients signed them: keys of hotbucket's
 * own (in pass-through), a path prefix (the path is signed), and directories (they check no signatures).
 */
export function checkPassThrough(raw: RawConfig, origins: readonly OriginConfig[], scope: ResolveScope): void {
  const { identity } = raw
  if (identity === 'pass-through' && raw.clients.length > 0)
    scope.report(['clients'], undefined, 'none with `identity: pass-through`: the origin knows its own clients')
  if (raw.anonymous) scope.report(['anonymous'], 'true', `false with \`identity: ${identity}\`: the origin decides on unsigned requests`)
  for (const origin of origins) {
    if (origin.kind === 'directory') {
      scope.report(['identity'], raw.identity, `origins that check signatures: origin "${origin.name}" is a directory`)
    } else if (new URL(origin.url).pathname !== '/') {
      scope.report(
        ['identity'],
        raw.identity,
        `origins without a path: the URL of origin "${origin.name}" has one, and clients sign the path`,
      )
    }
  }
}

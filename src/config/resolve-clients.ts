import type { ClientConfig, GrantAction, OriginConfig } from './config.ts'
import { bucketPatternsMeet } from './option-text.ts'
import { checkPassThrough } from './pass-through.ts'
import type { ResolveScope } from './resolve-origins.ts'
import type { RawConfig } from './schema.ts'

const EVERY_ACTION: readonly GrantAction[] = ['read', 'read-version', 'write', 'delete', 'delete-version', 'list', 'admin']

const WHAT_TO_DO = 'list `clients` with their keys, or pass --anonymous to let everybody in'

/** Who may ask: the keys that the file lists; with none and no `anonymous`, the keys that hotbucket itself uses upstream. */
export function resolveClients(raw: RawConfig, origins: readonly OriginConfig[], scope: ResolveScope): ClientConfig[] {
  if (raw.identity !== 'verified') checkPassThrough(raw, origins, scope)
  if (raw.identity === 'pass-through') return []
  if (raw.clients.length === 0) return raw.anonymous ? [] : sameKeyClients(origins, scope)
  reportRepeatedKeys(raw, scope)
  return raw.clients.map((client) => ({
    accessKeyId: client.accessKeyId,
    secretAccessKey: client.secretAccessKey,
    sessionToken: client.sessionToken,
    grants: client.grants,
  }))
}

function reportRepeatedKeys(raw: RawConfig, scope: ResolveScope): void {
  const seen = new Set<string>()
  raw.clients.forEach(({ accessKeyId }, index) => {
    if (seen.has(accessKeyId)) scope.report(['clients', index, 'accessKeyId'], accessKeyId, 'a key id that no other client has')
    seen.add(accessKeyId)
  })
}

interface Key {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

/**
 * Same-key mode: whoever holds an origin's credentials could ask the origin directly, so may ask hotbucket for that
 * origin's buckets, and for no others.
 */
function sameKeyClients(origins: readonly OriginConfig[], scope: ResolveScope): ClientConfig[] {
  const byKeyId = new Map<string, { key: Key; origins: OriginConfig[] }>()
  for (const origin of origins) {
    const key = keyOfOrigin(origin, scope)
    if (key === undefined) continue
    const client = byKeyId.get(key.accessKeyId) ?? { key, origins: [] }
    if (client.key.secretAccessKey !== key.secretAccessKey) {
      scope.report(['clients'], undefined, `one secret for the key id ${key.accessKeyId}, which two origins use; ${WHAT_TO_DO}`)
    }
    client.origins.push(origin)
    byKeyId.set(key.accessKeyId, client)
  }
  const clients = [...byKeyId.values()]
  reportSharedBuckets(
    clients.map((client) => client.origins),
    scope,
  )
  return clients.map((client) => ({ ...client.key, grants: grantsFor(client.origins), sameKey: true }))
}

function grantsFor(origins: readonly OriginConfig[]): ClientConfig['grants'] {
  const buckets = new Set(origins.flatMap((origin) => origin.buckets))
  return [...buckets].map((bucket) => ({ bucket, prefix: '', actions: EVERY_ACTION }))
}

function keyOfOrigin(origin: OriginConfig, scope: ResolveScope): Key | undefined {
  if (origin.kind === 's3' && origin.credentials.kind === 'static') {
    const { accessKeyId, secretAccessKey, sessionToken } = origin.credentials
    return { accessKeyId, secretAccessKey, sessionToken }
  }
  if (origin.kind === 's3' && origin.credentials.kind === 'default-chain') {
    const key = keyInEnvironment(scope.env)
    if (key !== undefined) return key
  }
  scope.report(['clients'], undefined, `a key that clients of origin "${origin.name}" sign with, and ${why(origin)}: ${WHAT_TO_DO}`)
  return undefined
}

function why(origin: OriginConfig): string {
  if (origin.kind === 'directory') return 'a directory has none'
  if (origin.credentials.kind === 'unsigned') return 'its requests are unsigned'
  return 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set (keys from elsewhere in the AWS default chain are not known beforehand)'
}

/** The key that the AWS default chain finds in the environment; with AWS_PROFILE it does not look there. */
function keyInEnvironment(env: ResolveScope['env']): Key | undefined {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'] || undefined
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'] || undefined
  if (accessKeyId === undefined || secretAccessKey === undefined || (env['AWS_PROFILE'] || undefined) !== undefined) return undefined
  return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] || undefined }
}

/** Where a bucket could belong to origins of two keys, one key would open what only the other may. */
function reportSharedBuckets(groups: readonly (readonly OriginConfig[])[], scope: ResolveScope): void {
  groups.forEach((group, index) => {
    for (const other of groups.slice(index + 1)) {
      const pair = meeting(group, other)
      if (pair === undefined) continue
      const wanted = `origins with different keys to serve different buckets, but "${pair[0]}" and "${pair[1]}" have some in common: ${WHAT_TO_DO}`
      scope.report(['clients'], undefined, wanted)
    }
  })
}

function meeting(left: readonly OriginConfig[], right: readonly OriginConfig[]): readonly [string, string] | undefined {
  for (const one of left) {
    for (const other of right) {
      const meet = one.buckets.some((bucket) => other.buckets.some((candidate) => bucketPatternsMeet(bucket, candidate)))
      if (meet) return [one.name, other.name]
    }
  }
  return undefined
}

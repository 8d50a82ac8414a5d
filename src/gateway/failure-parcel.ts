import { BodyMismatch, VersionGone } from '../cache/api.ts'
import { OriginFailure, type OriginFailureKind } from '../origin/origin.ts'

/** A failure as a plain value: an error's class does not survive the way from thread to thread. */
export type FailureParcel = { readonly message: string; readonly cause: string | undefined } & (
  | { readonly kind: 'origin-failure'; readonly failure: OriginFailureKind }
  | { readonly kind: 'version-gone' }
  | { readonly kind: 'body-mismatch'; readonly longer: boolean }
  /** A fault of ours; `name` says which. */
  | { readonly kind: 'other'; readonly name: string }
)

export function packFailure(error: unknown): FailureParcel {
  const message = error instanceof Error ? error.message : String(error)
  const common = { message, cause: error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined }
  if (error instanceof OriginFailure) return { kind: 'origin-failure', failure: error.kind, ...common }
  if (error instanceof VersionGone) return { kind: 'version-gone', ...common }
  if (error instanceof BodyMismatch) return { kind: 'body-mismatch', longer: error.longer, ...common }
  return { kind: 'other', name: error instanceof Error ? error.name : 'Error', ...common }
}

export function unpackFailure(parcel: FailureParcel): Error {
  const { message } = parcel
  const options = parcel.cause === undefined ? undefined : { cause: new Error(parcel.cause) }
  switch (parcel.kind) {
    case 'origin-failure':
      return new OriginFailure(parcel.failure, message, options)
    case 'version-gone':
      return new VersionGone(message, options)
    case 'body-mismatch':
      return new BodyMismatch(message, parcel.longer)
    case 'other':
      return new Error(`${parcel.name}: ${message}`, options)
  }
}

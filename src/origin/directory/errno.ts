import { Refusal } from '../../s3/errors.ts'

/** The code of an error of the file system, `ENOENT` for instance. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** True where nothing is at a path, or nothing that a key could mean. */
function isMissing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO'
}

/** Runs `work`; a path that is not there gives undefined. */
export async function ifPresent<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** What an error of the file system is to an S3 client; undefined for errors that are none. Paths stay out of messages. */
export function refusalOfErrno(error: unknown): Refusal | undefined {
  const code = errnoOf(error)
  switch (code) {
    case undefined:
      return undefined
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new Refusal('AccessDenied', { message: `Access Denied by the file system (${code})`, cause: error })
    case 'ENAMETOOLONG':
      return new Refusal('KeyTooLongError', { cause: error })
    case 'EMFILE':
    case 'ENFILE':
      return new Refusal('SlowDown', { cause: error })
    case 'ENOSPC':
    case 'EDQUOT':
      return new Refusal('ServiceUnavailable', { message: `The origin's file system is full (${code})`, cause: error })
    case 'EXDEV':
      return new Refusal('NotImplemented', {
        message: 'Cannot write: the bucket is on another file system than the directory it is in',
        cause: error,
      })
    default:
      return new Refusal('InternalError', { message: `The origin's file system failed (${code})`, cause: error })
  }
}

import type { Operation } from '../s3/operation.ts'

/** Operations that take long, so that S3 answers 200 first and may have to say `<Error>` in the body (CopyObject, "Errors"). */
const ANSWERS_EARLY: ReadonlySet<Operation> = new Set<Operation>(['CompleteMultipartUpload', 'CopyObject', 'UploadPartCopy'])

/** More than what stands before the code of an error. */
const LOOKED_AT_MAX = 4096

/** Looks for an error in the body of a 200. */
export interface LateError {
  /** Takes the next piece; once it is plain that the body is an error, gives its code. */
  see(chunk: Uint8Array): string | undefined
}

/** A look-out for operations that may fail after their 200; undefined for all others. */
export function lateError(operation: Operation, status: number): LateError | undefined {
  return status === 200 && ANSWERS_EARLY.has(operation) ? new ErrorInBody() : undefined
}

class ErrorInBody implements LateError {
  #text = ''
  #done = false

  see(chunk: Uint8Array): string | undefined {
    if (this.#done) return undefined
    const text = this.#text + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    // Blanks keep the connection alive until the outcome is known, also behind the XML declaration: there may be any number of them.
    this.#text = text
      .trimStart()
      .replace(/^(<\?xml[^>]*\?>)\s+/, '$1')
      .slice(0, LOOKED_AT_MAX)
    const root = /^(?:<\?xml[^>]*\?>)?\s*<(\w+)[\s/>]/.exec(this.#text)?.[1]
    const code = root === 'Error' ? /<Code>\s*([A-Za-z0-9]{1,64})\s*<\/Code>/.exec(this.#text)?.[1] : undefined
    const seenEnough = this.#text.length >= LOOKED_AT_MAX || (root !== undefined && root !== 'Error')
    this.#done = code !== undefined || seenEnough
    if (code === undefined && root === 'Error' && seenEnough) return 'InternalError'
    return code
  }
}

import type { FileHandle } from 'node:fs/promises'
import type { ByteSource } from '../../base/byte-source.ts'
import type { ByteRange } from '../../s3/range.ts'
import { OriginFailure } from '../origin.ts'
import { fileVersion, isUnchanged, type FileVersion } from './file-version.ts'

const CHUNK_BYTES = 256 * 1024

/**
 * Bytes of an open file, as long as it stays what it was: after each piece is read the file's state is asked for, and a piece
 * is given out only if it is still that of the beginning. So no byte of a version that was written over the
 * first can get out, however the file is changed; replacing the file by another does not disturb a reader. Closes the file.
 */
export class FileSource implements ByteSource {
  readonly length: number
  readonly #file: FileHandle
  readonly #version: FileVersion
  readonly #signal: AbortSignal | undefined
  readonly #end: number
  #at: number
  #reading = false
  #closed = false
  #failure: OriginFailure | undefined

  constructor(file: FileHandle, version: FileVersion, range: ByteRange, signal: AbortSignal | undefined) {
    this.#file = file
    this.#version = version
    this.#signal = signal
    this.#at = range.start
    this.#end = range.end
    this.length = range.end - range.start
    signal?.addEventListener('abort', this.#aborted, { once: true })
    if (signal?.aborted === true) this.#aborted()
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#at >= this.#end || this.#closed) return undefined
    this.#reading = true
    try {
      const piece = await this.#piece()
      this.#at += piece.length
      if (this.#at >= this.#end) this.#close()
      return piece
    } catch (error) {
      this.#failure ??= this.#failureOf(error)
      this.#close()
      throw this.#failure
    } finally {
      this.#reading = false
      // A close that was wanted while the file was busy.
      if (this.#closed) this.#closeFile()
    }
  }

  cancel(): void {
    this.#close()
  }

  async #piece(): Promise<Uint8Array> {
    const wanted = Math.min(CHUNK_BYTES, this.#end - this.#at)
    const buffer = Buffer.allocUnsafeSlow(wanted)
    const { bytesRead } = await this.#file.read(buffer, 0, wanted, this.#at)
    const now = fileVersion(await this.#file.stat({ bigint: true }))
    if (this.#failure !== undefined) throw this.#failure
    if (bytesRead === 0 || !isUnchanged(now, this.#version)) {
      throw new OriginFailure('reset', 'Cannot read on in an object: its file was changed meanwhile')
    }
    return bytesRead === wanted ? buffer : buffer.subarray(0, bytesRead)
  }

  readonly #aborted = (): void => {
    this.#failure ??= new OriginFailure('aborted', 'Gave up reading an object: nobody wants it any more', { cause: this.#signal?.reason })
    this.#close()
  }

  #failureOf(error: unknown): OriginFailure {
    if (error instanceof OriginFailure) return error
    const reason = error instanceof Error ? error.message : String(error)
    return new OriginFailure('reset', `Cannot read on in an object: ${reason}`, { cause: error })
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#aborted)
    // Closing under a read could hand its descriptor to another file.
    if (!this.#reading) this.#closeFile()
  }

  #fileClosed = false

  #closeFile(): void {
    if (this.#fileClosed) return
    this.#fileClosed = true
    // A file that was only read loses nothing when closing it fails.
    this.#file.close().catch(() => undefined)
  }
}

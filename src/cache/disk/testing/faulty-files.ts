import { nodeDiskFiles, type DiskFiles, type OpenMode, type ReadDone } from '../disk-files.ts'

/** What is asked of the file system. */
export type DiskOperation = keyof DiskFiles

const MUTATIONS: ReadonlySet<DiskOperation> = new Set(['write', 'setLength', 'remove', 'rename', 'link', 'makeDirectory', 'touch'])

/** For tests: an error as the system gives it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

/**
 * For tests: the machine's file system, with failures. `fail` is asked before every operation; `crashAt` ends the process as
 * far as its disk can tell: the n-th change is cut off in the middle (a write: after some of its bytes), and nothing happens after it.
 */
export class FaultyFiles implements DiskFiles {
  /** The code that an operation fails with, or undefined: it is done. */
  fail: ((operation: DiskOperation, path: string) => string | undefined) | undefined
  /** Called before an operation is done: holds it up. */
  delay: ((operation: DiskOperation, path: string) => Promise<void> | undefined) | undefined
  /** Changes so far. */
  changes = 0
  isCrashed = false
  readonly #paths = new Map<number, string>()
  #crashAt = Infinity
  #cut: (length: number) => number = () => 0

  /** The change of this number, counted from 1, is cut off; of a write so many bytes are kept as `cut` says. */
  crashAt(change: number, cut: (length: number) => number): void {
    this.#crashAt = change
    this.#cut = cut
  }

  async open(path: string, mode: OpenMode): Promise<number> {
    await this.#before('open', path)
    const fd = await nodeDiskFiles.open(path, mode)
    this.#paths.set(fd, path)
    return fd
  }

  /** Descriptors are always closed, so that a crashed process leaves none open in the test. */
  async close(fd: number): Promise<void> {
    await nodeDiskFiles.close(fd)
    this.#paths.delete(fd)
  }

  /** Closes what a process that crashed left open. */
  async closeAll(): Promise<void> {
    for (const fd of this.#paths.keys()) await nodeDiskFiles.close(fd).catch(() => undefined)
    this.#paths.clear()
  }

  async read(fd: number, targets: readonly Uint8Array[], position: number): Promise<number> {
    await this.#before('read', this.#pathOf(fd))
    return nodeDiskFiles.read(fd, targets, position)
  }

  readThen(fd: number, targets: readonly Uint8Array[], position: number, tell: ReadDone): void {
    this.read(fd, targets, position).then(
      (bytes) => tell(undefined, bytes),
      (error: unknown) => tell(error instanceof Error ? error : new Error(String(error)), 0),
    )
  }

  async write(fd: number, bytes: Uint8Array, position: number): Promise<void> {
    const isCut = await this.#before('write', this.#pathOf(fd))
    if (!isCut) return nodeDiskFiles.write(fd, bytes, position)
    await nodeDiskFiles.write(fd, bytes.subarray(0, this.#cut(bytes.length)), position)
    throw systemError('ECRASHED')
  }

  async setLength(fd: number, lengthBytes: number): Promise<void> {
    if (await this.#before('setLength', this.#pathOf(fd))) throw systemError('ECRASHED')
    return nodeDiskFiles.setLength(fd, lengthBytes)
  }

  async sync(fd: number): Promise<void> {
    await this.#before('sync', this.#pathOf(fd))
    return nodeDiskFiles.sync(fd)
  }

  async touch(path: string, nowMs: number): Promise<void> {
    if (await this.#before('touch', path)) throw systemError('ECRASHED')
    return nodeDiskFiles.touch(path, nowMs)
  }

  async facts(path: string): ReturnType<DiskFiles['facts']> {
    await this.#before('facts', path)
    return nodeDiskFiles.facts(path)
  }

  async space(path: string): ReturnType<DiskFiles['space']> {
    await this.#before('space', path)
    return nodeDiskFiles.space(path)
  }

  async list(path: string): Promise<string[]> {
    await this.#before('list', path)
    return nodeDiskFiles.list(path)
  }

  async makeDirectory(path: string): Promise<void> {
    if (await this.#before('makeDirectory', path)) throw systemError('ECRASHED')
    return nodeDiskFiles.makeDirectory(path)
  }

  async remove(path: string): Promise<void> {
    if (await this.#before('remove', path)) throw systemError('ECRASHED')
    return nodeDiskFiles.remove(path)
  }

  async rename(from: string, to: string): Promise<void> {
    if (await this.#before('rename', from)) throw systemError('ECRASHED')
    return nodeDiskFiles.rename(from, to)
  }

  async link(from: string, to: string): Promise<void> {
    if (await this.#before('link', from)) throw systemError('ECRASHED')
    return nodeDiskFiles.link(from, to)
  }

  #pathOf(fd: number): string {
    return this.#paths.get(fd) ?? ''
  }

  /** True where this is the change in whose middle the process ends. */
  async #before(operation: DiskOperation, path: string): Promise<boolean> {
    await this.delay?.(operation, path)
    if (this.isCrashed) throw systemError('ECRASHED')
    const code = this.fail?.(operation, path)
    if (code !== undefined) throw systemError(code)
    if (!MUTATIONS.has(operation) || ++this.changes !== this.#crashAt) return false
    this.isCrashed = true
    return true
  }
}

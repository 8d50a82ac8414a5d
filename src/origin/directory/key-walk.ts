import { opendir } from 'node:fs/promises'
import { fsPath, type BytePath } from './directory-tree.ts'
import { ifPresent } from './errno.ts'
import { nameMeaning } from './key-path.ts'

/** Names of one directory that are held at a time; a larger directory is read again for the next ones. */
const LEVEL_ENTRIES_MAX = 2048
const READ_AHEAD_ENTRIES = 256

/** An object's file that was met on the way. */
export interface WalkedKey {
  readonly key: string
  readonly path: BytePath
}

/** Where a walk is to go; the consumer may move `after` and `skipPrefix` forward between two keys. */
export interface WalkCursor {
  /** Only keys that begin so. */
  readonly prefix: string
  /** Only keys after this one, in byte order. */
  after: string
  /** Keys that begin so are passed over, their directories unread. */
  skipPrefix: string | undefined
}

/**
 * The keys below a directory in the order of their bytes, which is S3's. Reads only directories that can hold a key that is wanted,
 * and holds a bounded part of each in memory. `keyPrefix` is what the directory itself stands for. Symbolic
 * links, special files and names that stand for no key are passed over.
 */
export async function* walkKeys(directory: BytePath, keyPrefix: string, cursor: WalkCursor): AsyncGenerator<WalkedKey, void, undefined> {
  let from: string | undefined
  for (;;) {
    const passed = from
    const level = await readLevel(directory, (entry) => (passed === undefined || entry.name > passed) && isWanted(entry, keyPrefix, cursor))
    for (const entry of level.entries) {
      // What is wanted may have changed since the directory was read.
      if (!isWanted(entry, keyPrefix, cursor)) continue
      const keyOrPrefix = keyPrefix + entry.name
      if (entry.isDirectory) yield* walkKeys(entry.path, keyOrPrefix, cursor)
      else yield { key: keyOrPrefix, path: entry.path }
    }
    const last = level.entries.at(-1)
    if (level.complete || last === undefined) return
    from = last.name
  }
}

/** Whether a key, or any key below a directory, is asked for. */
function isWanted(entry: LevelEntry, keyPrefix: string, cursor: WalkCursor): boolean {
  const { prefix, after, skipPrefix } = cursor
  const keyOrPrefix = keyPrefix + entry.name
  if (skipPrefix !== undefined && keyOrPrefix.startsWith(skipPrefix)) return false
  if (!entry.isDirectory) return keyOrPrefix > after && keyOrPrefix.startsWith(prefix)
  const holdsLater = keyOrPrefix > after || after.startsWith(keyOrPrefix)
  return holdsLater && (keyOrPrefix.startsWith(prefix) || prefix.startsWith(keyOrPrefix))
}

interface LevelEntry {
  /** A segment of keys; a slash follows where it is a directory. */
  readonly name: string
  readonly path: BytePath
  readonly isDirectory: boolean
  /** Stands in for a plain file that must be looked at first. */
  readonly isBeside: boolean
}

interface Level {
  readonly entries: LevelEntry[]
  /** False: there are more after the last one. */
  readonly complete: boolean
}

/** Reads one directory: the first of its wanted entries, in order, each name once. */
async function readLevel(directory: BytePath, wanted: (entry: LevelEntry) => boolean): Promise<Level> {
  const entries: LevelEntry[] = []
  let complete = true
  await collect(directory, { components: [], text: '' }, (entry) => {
    if (!wanted(entry)) return
    entries.push(entry)
    if (entries.length < 2 * LEVEL_ENTRIES_MAX) return
    sortEntries(entries)
    entries.length = LEVEL_ENTRIES_MAX
    complete = false
  })
  sortEntries(entries)
  return { entries: entries.filter((entry, i) => entry.name !== entries[i - 1]?.name), complete }
}

async function collect(
  directory: BytePath,
  before: { readonly components: readonly string[]; readonly text: string },
  found: (entry: LevelEntry) => void,
): Promise<void> {
  // The types do not know that names can be had as bytes, which is what file names are.
  const encoding = 'buffer' as BufferEncoding
  const entries = await ifPresent(opendir(fsPath(directory), { encoding, bufferSize: READ_AHEAD_ENTRIES }))
  if (entries === undefined) return
  for await (const entry of entries) {
    const fileName = (entry.name as unknown as Buffer).toString('latin1')
    const isDirectory = entry.isDirectory()
    if (!isDirectory && !entry.isFile()) continue
    const meaning = nameMeaning(fileName, before)
    const path = `${directory}/${fileName}`
    if (meaning?.kind === 'continued') {
      if (isDirectory) await collect(path, { components: [...before.components, fileName], text: before.text + meaning.text }, found)
    } else if (meaning !== undefined && !(isDirectory && meaning.kind === 'beside')) {
      found({ name: isDirectory ? `${meaning.text}/` : meaning.text, path, isDirectory, isBeside: meaning.kind === 'beside' })
    }
  }
}

function sortEntries(entries: LevelEntry[]): void {
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : Number(a.isBeside) - Number(b.isBeside)))
}

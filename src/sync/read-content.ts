/** Reads local files whose content is not known yet. */

import { hasCode } from '../errors.ts'
import { throwIfAborted } from '../runtime/deadline.ts'
import { inParallel } from '../runtime/in-parallel.ts'
import { BlockCutter } from './chunker.ts'
import type { LocalFile, SyncFolder } from './folder.ts'
import type { StateChange } from './state.ts'
import type { Content, DigestChange, SyncTrees } from './trees.ts'

/** Reading more at once makes disks seek, and digests take a processor each. */
const READERS = 4
/** A file that is being written has so many chances in a round. */
const TRIES = 3
/** Digests that are saved together. */
const BATCH = 128

export async function digestLocal(
  folder: SyncFolder,
  file: LocalFile,
  signal: AbortSignal
): Promise<Content> {
  const cutter = new BlockCutter()
  if (file.sizeBytes > 0) {
    const range = { start: 0, end: file.sizeBytes }
    for await (const bytes of folder.read(file.path, file.stamp, range, signal)) cutter.push(bytes)
  }
  return cutter.finish()
}

/**
 * Reads what has to be read. A file that changes meanwhile is looked at again, a few times; one that does not stand still, or cannot be read, is a problem of this round.
 */
export async function readContents(
  trees: SyncTrees,
  folder: SyncFolder,
  signal: AbortSignal,
  onRead: (files: number, filesTotal: number, bytes: number) => void
): Promise<void> {
  const unread = trees.unread()
  let files = 0
  let bytes = 0
  let batch: StateChange[] = []
  const save = async (): Promise<void> => {
    const changes = batch
    batch = []
    await trees.save(changes)
  }
  await inParallel(unread, READERS, async (first) => {
    throwIfAborted(signal)
    const change = await readOne(trees, folder, first, signal)
    if (change !== undefined) batch.push(change)
    if (change !== undefined) bytes += change.file.sizeBytes
    onRead(++files, unread.length, bytes)
    if (batch.length >= BATCH) await save()
  })
  await save()
}

async function readOne(
  trees: SyncTrees,
  folder: SyncFolder,
  first: LocalFile,
  signal: AbortSignal
): Promise<DigestChange | undefined> {
  let file = first
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      return trees.noteContent(file, await digestLocal(folder, file, signal))
    } catch (error) {
      if (!hasCode(error, 'local-changed', 'local-file')) throw error
      const found = await folder.look(first.path)
      trees.see(first.path, found)
      if (found === undefined || 'code' in found) return undefined
      file = found
      const code = error.code === 'local-file' ? 'unreadable' : 'changing'
      if (code === 'unreadable' || attempt === TRIES) trees.see(first.path, { path: first.path, code })
      if (code === 'unreadable') return undefined
    }
  }
  return undefined
}

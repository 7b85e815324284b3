/** Lists what is in a folder and below it. */

import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isCleanPart } from '../../bundle/paths.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import { STATE_FOLDER } from '../../sync/folder.ts'
import type { LocalListing, LocalProblemCode } from '../../sync/folder.ts'
import { errnoOf } from './file-problems.ts'
import { localFileOf } from './file-stamp.ts'
import type { FolderPaths } from './folder-paths.ts'

/** Files of one page, and files that are looked at together. */
const PAGE = 256

/** What something in a folder is; undefined: a file or a folder. */
export function problemOf(entry: {
  isSymbolicLink(): boolean
  isFile(): boolean
  isDirectory(): boolean
}): LocalProblemCode | undefined {
  if (entry.isSymbolicLink()) return 'symlink'
  return entry.isFile() || entry.isDirectory() ? undefined : 'special-file'
}

/** Depth first, and one folder after the other: memory is that of the largest folder. */
export async function* scanFolder(
  paths: FolderPaths,
  now: () => number,
  signal: AbortSignal
): AsyncGenerator<LocalListing> {
  const open = ['']
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    throwIfAborted(signal)
    const listing: LocalListing = { files: [], problems: [] }
    const above = folder === '' ? '' : `${folder}/`
    let entries: Dirent[]
    try {
      entries = await readdir(join(paths.root, paths.spelled(folder)), { withFileTypes: true })
    } catch (error) {
      // one that went meanwhile has nothing in it; at the root that is for the marker to say
      if (errnoOf(error) !== 'ENOENT') yield { files: [], problems: [{ path: folder, code: 'unreadable' }] }
      continue
    }
    const files: string[] = []
    for (const [name, spellings] of byName(entries)) {
      const [entry] = spellings
      if (entry === undefined || (folder === '' && name === STATE_FOLDER)) continue
      const path = above + name
      const problem =
        spellings.length > 1 ? 'name-taken' : isCleanPart(name) ? problemOf(entry) : 'name-refused'
      if (problem !== undefined) {
        listing.problems.push({ path, code: problem })
        continue
      }
      paths.spell(path, join(paths.spelled(folder), entry.name).replaceAll('\\', '/'))
      if (entry.isDirectory()) open.push(path)
      else files.push(path)
    }
    if (listing.problems.length > 0) yield listing
    for (let from = 0; from < files.length; from += PAGE)
      yield await lookAt(paths, files.slice(from, from + PAGE), now)
  }
}

/** Entries by their names in NFC. */
function byName(entries: readonly Dirent[]): Map<string, Dirent[]> {
  const names = new Map<string, Dirent[]>()
  for (const entry of entries) {
    const name = entry.name.normalize('NFC')
    const same = names.get(name)
    if (same === undefined) names.set(name, [entry])
    else same.push(entry)
  }
  return names
}

async function lookAt(
  paths: FolderPaths,
  files: readonly string[],
  now: () => number
): Promise<LocalListing> {
  const listing: LocalListing = { files: [], problems: [] }
  await Promise.all(
    files.map(async (path) => {
      try {
        const stats = await lstat(join(paths.root, paths.spelled(path)), { bigint: true })
        const code = problemOf(stats)
        if (code !== undefined) listing.problems.push({ path, code })
        else if (stats.isFile()) listing.files.push(localFileOf(path, stats, now()))
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') listing.problems.push({ path, code: 'unreadable' })
        // a name that is no UTF-8 cannot be asked for: it is there, under another
        else if (path.includes('\uFFFD')) listing.problems.push({ path, code: 'name-refused' })
      }
    })
  )
  return listing
}

/** Files on this machine that are to be sent. */

import { lstat, readdir } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import { PART } from '../../pool-client/download.ts'
import { stampOf } from '../sync/file-stamp.ts'

/** What one look at a folder keeps in memory. */
const FILES_MAX = 200_000

export interface FoundFile {
  readonly path: string
  /** As the pool knows it: below the folder that was given. */
  readonly name: string
  readonly stamp: string
  readonly sizeBytes: number
  readonly modifiedAt: number
}

/** Hidden files, links and what is no file are left out of folders. @throws `local-file` for a path that is not there */
export async function findFiles(paths: readonly string[], cwd: string): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const path of paths) await gather(resolve(cwd, path), basename(resolve(cwd, path)), true, found)
  return found
}

async function gather(path: string, name: string, isRoot: boolean, found: FoundFile[]): Promise<void> {
  const stats = await lstat(path, { bigint: true }).catch((error: unknown) => {
    // what is in a folder may go at any time
    if (!isRoot) return undefined
    throw new PeerbinError('local-file', `cannot look at ${path}`, { cause: error })
  })
  if (stats?.isFile() === true) {
    if (found.length >= FILES_MAX)
      throw new PeerbinError('usage', `more than ${FILES_MAX} files: send fewer at once`)
    found.push({
      path,
      name: name.split(sep).join('/').normalize('NFC'),
      stamp: stampOf(stats),
      sizeBytes: Number(stats.size),
      modifiedAt: Number(stats.mtimeNs / 1_000_000n)
    })
    return
  }
  if (stats?.isDirectory() !== true) {
    if (isRoot) throw new PeerbinError('local-file', `${path} is neither a file nor a folder`)
    return
  }
  for (const entry of (await readdir(path)).toSorted()) {
    if (entry.startsWith('.') || entry.endsWith(PART)) continue
    await gather(join(path, entry), isRoot ? entry : join(name, entry), false, found)
  }
}

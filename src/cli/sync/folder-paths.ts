/** Where paths of a synced folder are on this machine's disk, and never outside it. */

import { constants, lstatSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { mkdir, open, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import { errnoOf } from './file-problems.ts'

/** File systems that take Unicode form as it comes have names in others than NFC; the engine knows all in NFC. */
export class FolderPaths {
  readonly root: string
  /** Path in NFC → as it is on the disk, where that is another. */
  readonly #spellings = new Map<string, string>()

  constructor(root: string) {
    this.root = root
  }

  /** Notes how a path is spelled here. */
  spell(path: string, onDisk: string): void {
    if (path === onDisk) this.#spellings.delete(path)
    else this.#spellings.set(path, onDisk)
  }

  /** On the disk, below the root. */
  spelled(path: string): string {
    const known = this.#spellings.get(path)
    if (known !== undefined) return known
    const slash = path.lastIndexOf('/')
    return slash < 0 ? path : `${this.spelled(path.slice(0, slash))}${path.slice(slash)}`
  }

  /**
   * The place of a path, after a look at the folders above it: one that is a symbolic link leads out of the folder, perhaps, and nothing is read or written through it.
   * @throws local-changed when one of them is no folder
   */
  place(path: string): string {
    const spelled = this.spelled(path)
    for (let at = spelled.indexOf('/'); at > 0; at = spelled.indexOf('/', at + 1)) {
      const stats = lstatSync(join(this.root, spelled.slice(0, at)), { throwIfNoEntry: false })
      if (stats !== undefined && !stats.isDirectory())
        throw new PeerbinError('local-changed', 'a folder above it is none', { details: { path } })
      if (stats === undefined) break
    }
    return join(this.root, spelled)
  }

  /** As place, and the folders above it are made. */
  async makePlace(path: string): Promise<string> {
    const place = this.place(path)
    await mkdir(dirname(place), { recursive: true })
    // once more: somebody may have put a link there meanwhile
    return this.place(path)
  }

  /** Removes folders above a path that have nothing in them any more. */
  async tidyAbove(path: string): Promise<void> {
    const spelled = this.spelled(path)
    for (let at = spelled.lastIndexOf('/'); at > 0; at = spelled.lastIndexOf('/', at - 1)) {
      try {
        await rmdir(join(this.root, spelled.slice(0, at)))
      } catch {
        return // something is in it, or it is gone
      }
    }
  }
}

export const statsAt = (place: string): BigIntStats | undefined =>
  lstatSync(place, { bigint: true, throwIfNoEntry: false })

/** Makes what was done to the names in a folder durable, where the system can. */
export async function syncFolderOf(place: string): Promise<void> {
  try {
    await using folder = await open(dirname(place), constants.O_RDONLY)
    await folder.sync()
  } catch (error) {
    // Windows opens no folders, and some network drives do not sync them
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP', 'ENOENT'].includes(errnoOf(error))) throw error
  }
}

/** Where files of a group are in its archives: `MEMBER/TIMESTAMP_NAME`, safe to unpack anywhere, and all different where case does not count. */

import { PathSet } from '../../bundle/paths.ts'
import type { GroupFile } from '../../pools.ts'
import type { UserId } from '../../types.ts'

export const MANIFEST_NAME = 'manifest.json'

/** `2026-03-05T10-00-00.000Z`: a colon is no part of a name on every system. */
const stampOf = (at: number): string => new Date(at).toISOString().replaceAll(':', '-')

const flat = (name: string): string => name.replace(/[/\\]/g, '_')

/** Files in the order of listGroupFiles, those of one member together: so only one member's names are in memory. */
export class ArchiveNames {
  readonly #folders = new PathSet()
  #member: UserId | undefined
  #folder = ''
  #files = new PathSet()

  constructor() {
    this.#folders.add(MANIFEST_NAME)
  }

  next({ member, memberName, at, name }: Pick<GroupFile, 'member' | 'memberName' | 'at' | 'name'>): string {
    if (member !== this.#member) {
      this.#member = member
      this.#folder = this.#folders.addClean(flat(memberName))
      this.#files = new PathSet()
    }
    return `${this.#folder}/${this.#files.addClean(`${stampOf(at)}_${flat(name)}`)}`
  }
}

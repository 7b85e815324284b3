/** Folders of users' files as one: moving and deleting everything in them. */

import { PeerbinError, hasCode } from '../../errors.ts'
import { FOLDER_FILES_MOVED_MAX } from '../../protocol/limits.ts'
import { byOf } from '../accounts/actors.ts'
import { Budget } from '../../runtime/budget.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { UserId } from '../../types.ts'
import { endEntry } from './end-entry.ts'
import { isOver, mustChange } from './owned.ts'
import type { Request, Response, UserFilesDeps } from './user-files.ts'

/** Files of a folder that are deleted at once: the store puts them into one write to the disk. */
const DELETED_AT_ONCE = 16

/** Folders of other users that wait to be moved; of more whoever asks comes again. */
const MOVES_WAITING_MAX = 64
const MOVING_RETRY_MS = 500

export class Folders {
  readonly #deps: UserFilesDeps
  /** Owners of folders that are being moved. */
  readonly #moving = new Set<UserId>()
  /** One at a time holds everybody up; between two of them the others have their turn. */
  readonly #turns = new Budget(1, MOVES_WAITING_MAX)

  constructor(deps: UserFilesDeps) {
    this.#deps = deps
  }

  /** @throws `busy` while another folder of this user is being moved: nobody has others wait for more than one */
  async move(message: Request<'moveFolder'>, signal: AbortSignal): Promise<Response<'moveFolder'>> {
    const { actor, owner } = message
    await mustChange(this.#deps, actor, owner)
    if (this.#moving.has(owner)) throw new PeerbinError('busy', '', { retryAfterMs: MOVING_RETRY_MS })
    this.#moving.add(owner)
    try {
      const turn = await this.#turns.acquire(1, signal)
      try {
        return await this.#moveNow(message)
      } finally {
        turn.release()
      }
    } finally {
      this.#moving.delete(owner)
    }
  }

  async #moveNow({ actor, ...folder }: Request<'moveFolder'>): Promise<Response<'moveFolder'>> {
    const { store, time } = this.#deps
    try {
      const limit = FOLDER_FILES_MOVED_MAX
      const moved = await store.moveFolder({ ...folder, limit, now: time.now(), by: byOf(actor) })
      return { moved }
    } catch (error) {
      if (!hasCode(error, 'path-taken', 'path-conflict')) throw error
      const { path = folder.to } = error.details
      // errors cross the wire without their details
      const code = error.code === 'path-taken' ? error.code : 'path-conflict'
      return { moved: 0, conflict: { code, path: String(path) } }
    }
  }

  async delete(message: Request<'deleteFolder'>): Promise<Response<'deleteFolder'>> {
    const { actor, owner, folder, limit } = message
    await mustChange(this.#deps, actor, owner)
    const all = { owner, folder, recursive: true, sort: 'name', order: 'ascending', limit } as const
    const { entries, next } = await this.#deps.store.listEntries(all)
    if (entries.length === 0) throw new PeerbinError('file-unknown', 'There is no such folder.')
    const ended = await inParallel(entries, DELETED_AT_ONCE, async (entry) => {
      const { deleted, noted } = await this.#end(entry.id, { by: byOf(actor) })
      await noted()
      return deleted && !isOver(this.#deps, entry)
    })
    return { deleted: ended.filter((deleted) => deleted).length, more: next !== null }
  }

  /** One that went by itself meanwhile is as good as deleted. */
  async #end(
    id: Parameters<typeof endEntry>[1],
    terms: Parameters<typeof endEntry>[2]
  ): Promise<Pick<Awaited<ReturnType<typeof endEntry>>, 'deleted' | 'noted'>> {
    try {
      return await endEntry(this.#deps, id, terms)
    } catch (error) {
      if (!hasCode(error, 'file-unknown')) throw error
      return { deleted: false, noted: async () => {} }
    }
  }
}

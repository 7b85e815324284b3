/** Files of users one by one and in pages. */

import type { EntryCursor } from '../../metadata-store.ts'
import { cursorOf } from '../../metadata-entries.ts'
import { poolPathOf } from '../../pools.ts'
import type { EntryRecord, UserId } from '../../types.ts'
import { byOf, mustBeAdmin, mustReach } from '../accounts/actors.ts'
import { endEntry } from './end-entry.ts'
import { isOver, mustChange, owned, ownedToChange, versionOf } from './owned.ts'
import { PageRoom } from './page-room.ts'
import { quotaOf } from './quota.ts'
import type { Request, Response, UserFilesDeps } from './user-files.ts'

/** Looks through so many pages of the store for one answer: 200,000 entries, in steps between which others get their turn. Then the answer is short. */
const STEPS_MAX = 100
export class Entries {
  readonly #deps: UserFilesDeps

  constructor(deps: UserFilesDeps) {
    this.#deps = deps
  }

  async get({ actor, id, version }: Request<'getEntry'>): Promise<Response<'getEntry'>> {
    const entry = await owned(this.#deps, actor, id)
    return { entry, version: await versionOf(this.#deps, entry, version), now: this.#deps.time.now() }
  }

  async find({ actor, owner, path }: Request<'findEntry'>): Promise<Response<'findEntry'>> {
    mustReach(actor, owner)
    const { entry, next } = await this.#deps.store.findEntry(owner, path)
    // a manifest must not say of an upload that comes after its end that it goes on
    if (entry !== undefined && isOver(this.#deps, entry)) return { entry: null, next: 1 }
    return { entry: entry ?? null, next }
  }

  async list({ actor, ...request }: Request<'listEntries'>): Promise<Response<'listEntries'>> {
    if (request.owner === undefined) mustBeAdmin(actor)
    else mustReach(actor, request.owner)
    const { store, time } = this.#deps
    const now = time.now()
    const room = new PageRoom()
    const isOfPool = this.#poolCheck()
    const entries: EntryRecord[] = []
    let after: EntryCursor | undefined = request.after
    for (let step = 0; step < STEPS_MAX; step++) {
      const page = await store.listEntries({ ...request, after, limit: request.limit - entries.length })
      for (const entry of page.entries) {
        if (isOver(this.#deps, entry)) continue
        if (request.owner === undefined && (await isOfPool(entry))) continue
        const last = entries.at(-1)
        if (!room.take(entry) && last !== undefined)
          return { entries, next: cursorOf(last, request.sort), now }
        entries.push(entry)
      }
      if (page.next === null) return { entries, next: null, now }
      after = page.next
      if (entries.length >= request.limit) break
    }
    return { entries, next: after ?? null, now }
  }

  /** Files of pools have an owner who is no user, and are seen in their pools: everybody's files leave them out. Asks once for each owner who has such a path. */
  #poolCheck(): (entry: EntryRecord) => Promise<boolean> {
    const users = new Map<UserId, boolean>()
    return async ({ owner, path }) => {
      if (poolPathOf(path) === undefined) return false
      const isUser = users.get(owner) ?? (await this.#deps.store.getUser(owner)) !== undefined
      users.set(owner, isUser)
      return !isUser
    }
  }

  async folders(message: Request<'listFolders'>): Promise<Response<'listFolders'>> {
    const { actor, limit, ...request } = message
    mustReach(actor, request.owner)
    const { store, time } = this.#deps
    const found = await store.listFolders({ ...request, limit: limit + 1, now: time.now() })
    const folders = PageRoom.fitting(found.slice(0, limit))
    return { folders, more: found.length > folders.length }
  }

  async move({ actor, ...move }: Request<'moveEntry'>): Promise<Response<'moveEntry'>> {
    await ownedToChange(this.#deps, actor, move.id)
    const { store, time } = this.#deps
    return { entry: await store.moveEntry({ ...move, now: time.now(), by: byOf(actor) }) }
  }

  async change({ actor, ...change }: Request<'changeEntry'>): Promise<Response<'changeEntry'>> {
    await ownedToChange(this.#deps, actor, change.id)
    const { store, time } = this.#deps
    return { entry: await store.changeEntry({ ...change, now: time.now(), by: byOf(actor) }) }
  }

  /** A repeat is answered, too: the first answer may have been lost. */
  async delete({ actor, id, version, basePath }: Request<'deleteEntry'>): Promise<Response<'deleteEntry'>> {
    const known = await this.#deps.store.getEntry(id)
    if (known !== undefined) await mustChange(this.#deps, actor, known.owner)
    const ended = await endEntry(this.#deps, id, { version, basePath, by: byOf(actor) })
    mustReach(actor, ended.owner) // of one that was deleted before
    await ended.noted()
    return { deleted: ended.deleted }
  }

  async space({ actor, user }: Request<'spaceOf'>): Promise<Response<'spaceOf'>> {
    mustReach(actor, user)
    const { store, config } = this.#deps
    const quotaBytes = (await quotaOf(store, config.account, user)) ?? null
    return { usedBytes: await store.usedSpace(`user:${user}`), quotaBytes }
  }

  async spaceOfAll({ actor }: Request<'spaceOfAll'>): Promise<Response<'spaceOfAll'>> {
    mustBeAdmin(actor)
    const { store } = this.#deps
    return { usersBytes: await store.usedByUsers(), linksBytes: await store.usedSpace('anonymous') }
  }
}

/** Versions of users' files, and their content for downloads. */

import { PeerbinError } from '../../errors.ts'
import type { UserId } from '../../types.ts'
import { byOf } from '../accounts/actors.ts'
import type { Actor } from '../accounts/actors.ts'
import { owned, ownedToChange, versionOf } from './owned.ts'
import { PageRoom } from './page-room.ts'
import type { Request, Response, UserFilesDeps } from './user-files.ts'

export class Versions {
  readonly #deps: UserFilesDeps

  constructor(deps: UserFilesDeps) {
    this.#deps = deps
  }

  async list({ actor, id, before, limit }: Request<'listVersions'>): Promise<Response<'listVersions'>> {
    const { current } = await owned(this.#deps, actor, id)
    const found = await this.#deps.store.listVersions(id, before, limit + 1)
    const versions = PageRoom.fitting(found.slice(0, limit))
    return { versions, current: current.number, more: found.length > versions.length }
  }

  async restore({ actor, id, version }: Request<'restoreVersion'>): Promise<Response<'restoreVersion'>> {
    await ownedToChange(this.#deps, actor, id)
    const { store } = this.#deps
    return { entry: await store.restoreVersion({ id, version, ...this.#times(actor) }) }
  }

  async delete({ actor, id, version }: Request<'deleteVersion'>): Promise<Response<'deleteVersion'>> {
    await ownedToChange(this.#deps, actor, id)
    const { store, onEnded } = this.#deps
    const entry = await store.deleteVersion({ id, version, ...this.#times(actor) })
    onEnded()
    return { entry: entry ?? null }
  }

  async prune({ actor, id, keep }: Request<'pruneVersions'>): Promise<Response<'pruneVersions'>> {
    await ownedToChange(this.#deps, actor, id)
    return { pruned: await this.#deps.store.pruneVersions({ id, keep, ...this.#times(actor) }) }
  }

  async open({ actor, id, version: number }: Request<'openContent'>): Promise<Response<'openContent'>> {
    const { store, chunks, time } = this.#deps
    const entry = await owned(this.#deps, actor, id)
    const version = await versionOf(this.#deps, entry, number)
    if (version.file === null) throw new PeerbinError('upload-failed')
    const file = await store.getFile(version.file)
    if (file === undefined || file.state !== 'live') throw new PeerbinError('version-unknown') // ended at this moment
    return { file, chunks: await chunks.page(file.id, 0), entry, version, now: time.now() }
  }

  #times(actor: Actor): { now: number; graceMs: number; by: UserId | undefined } {
    const { time, config } = this.#deps
    return { now: time.now(), graceMs: config.account.deleteGraceMs, by: byOf(actor) }
  }
}

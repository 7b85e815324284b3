/** Share links that users make of their files; how they are redeemed is the business of link-service.ts, as with all links. */

import { PeerbinError } from '../../errors.ts'
import { byOf } from '../accounts/actors.ts'
import { owned, ownedToChange } from './owned.ts'
import type { Request, Response, UserFilesDeps } from './user-files.ts'

export class Shares {
  readonly #deps: UserFilesDeps

  constructor(deps: UserFilesDeps) {
    this.#deps = deps
  }

  async share({ actor, ...share }: Request<'shareEntry'>): Promise<Response<'shareEntry'>> {
    await ownedToChange(this.#deps, actor, share.id)
    const now = this.#deps.time.now()
    return { ...(await this.#deps.store.shareEntry({ ...share, now, by: byOf(actor) })), now }
  }

  async list({ actor, id, after, limit }: Request<'listShares'>): Promise<Response<'listShares'>> {
    await owned(this.#deps, actor, id)
    return { shares: await this.#deps.store.listShares(id, after, limit), now: this.#deps.time.now() }
  }

  async revoke({ actor, id, share }: Request<'revokeShare'>): Promise<Response<'revokeShare'>> {
    await owned(this.#deps, actor, id)
    const { store, time, notes, onEnded } = this.#deps
    const found = await store.findShare(id, share)
    if (found === undefined) throw new PeerbinError('share-unknown')
    const link = await store.revokeLink({ ...found, now: time.now(), by: byOf(actor) })
    onEnded()
    await notes.note({ what: 'revoked', ...found })
    return { link }
  }
}

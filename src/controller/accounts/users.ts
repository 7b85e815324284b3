/** Users as they and administrators see them, and invitations. */

import { PeerbinError } from '../../errors.ts'
import type { StoredUser } from '../../metadata-store.ts'
import { typedNameKey, userNameKey } from '../../protocol/user-names.ts'
import type { UserRecord } from '../../types.ts'
import { byOf, isSelf, mustBeAdmin, mustReach } from './actors.ts'
import type { AccountDeps, Request, Response } from './deps.ts'

export class Users {
  readonly #deps: AccountDeps

  constructor(deps: AccountDeps) {
    this.#deps = deps
  }

  async get({ actor, user }: Request<'getUser'>): Promise<Response<'getUser'>> {
    mustReach(actor, user)
    return { user: known(await this.#deps.store.getUser(user)) }
  }

  async find({ actor, name }: Request<'findUser'>): Promise<Response<'findUser'>> {
    mustBeAdmin(actor)
    return { user: known(await this.#deps.store.findUser(typedNameKey(name))) }
  }

  async list({ actor, after, search, limit }: Request<'listUsers'>): Promise<Response<'listUsers'>> {
    mustBeAdmin(actor)
    const part = search === undefined ? undefined : typedNameKey(search)
    return await this.#deps.store.listUsers({ after, search: part, limit })
  }

  async change(message: Request<'changeUser'>): Promise<Response<'changeUser'>> {
    const { actor, user: id, name, role, state, quotaBytes } = message
    const isOwnName = isSelf(actor, id) && [role, state, quotaBytes].every((field) => field === undefined)
    if (!isOwnName) mustBeAdmin(actor)
    const user = await this.#deps.store.changeUser({
      id,
      name: name === undefined ? undefined : { name, nameKey: userNameKey(name) },
      role,
      state,
      quotaBytes,
      now: this.#deps.time.now(),
      by: byOf(actor)
    })
    return { user }
  }

  async invite(message: Request<'createInvite'>): Promise<Response<'createInvite'>> {
    const { actor, id, hash, role, expiresAt } = message
    mustBeAdmin(actor)
    const createdAt = this.#deps.time.now()
    if (expiresAt <= createdAt)
      throw new PeerbinError('invalid-field', 'The invitation would have expired already.')
    const invite = await this.#deps.store.createInvite({
      id,
      hash,
      role,
      createdBy: actor.user,
      createdAt,
      expiresAt
    })
    return { invite }
  }

  async invites({ actor, after, limit }: Request<'listInvites'>): Promise<Response<'listInvites'>> {
    mustBeAdmin(actor)
    return { invites: await this.#deps.store.listInvites(after, limit), now: this.#deps.time.now() }
  }

  async withdraw({ actor, id }: Request<'deleteInvite'>): Promise<Response<'deleteInvite'>> {
    mustBeAdmin(actor)
    return { deleted: await this.#deps.store.deleteInvite(id) }
  }
}

/** @throws `user-unknown` */
function known(found: StoredUser | undefined): UserRecord {
  if (found === undefined) throw new PeerbinError('user-unknown')
  return found.user
}

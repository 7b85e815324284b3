/** Sessions and API keys that are there. */

import { PeerbinError } from '../../errors.ts'
import { SESSIONS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { SessionId } from '../../types.ts'
import { byOf, mustHave, mustReach } from './actors.ts'
import type { AccountDeps, Request, Response } from './deps.ts'

/** Uses of one session are noted so often: each note is a write. */
const USE_STEP_MS = 60_000
/** Sessions whose use waits to be noted; of more, some are noted with their next use. */
const USES_MAX = 10_000
/** In one note. */
const USES_AT_ONCE = 500

export class Sessions {
  readonly #deps: AccountDeps
  readonly #used = new Set<SessionId>()

  constructor(deps: AccountDeps) {
    this.#deps = deps
  }

  async find({ ids, keys }: Request<'findSessions'>): Promise<Response<'findSessions'>> {
    const now = this.#deps.time.now()
    const found = await this.#deps.store.findSessions({ ids, keys, now })
    for (const { id, lastUsedAt } of found)
      if (lastUsedAt + USE_STEP_MS <= now && this.#used.size < USES_MAX) this.#used.add(id)
    return { sessions: found.map(({ lastUsedAt: _lastUsedAt, ...session }) => session), now }
  }

  /** One bounded step of noting which were used; false: there was nothing to note. */
  async noteUses(): Promise<boolean> {
    const ids = [...this.#used].slice(0, USES_AT_ONCE)
    for (const id of ids) this.#used.delete(id)
    await this.#deps.store.noteUses(ids, this.#deps.time.now())
    return ids.length > 0
  }

  async list({ actor, user }: Request<'listSessions'>): Promise<Response<'listSessions'>> {
    mustReach(actor, user)
    const now = this.#deps.time.now()
    return { sessions: await this.#deps.store.listSessions(user, now, SESSIONS_PER_PAGE_MAX), now }
  }

  async end({ actor, id }: Request<'endSession'>): Promise<Response<'endSession'>> {
    const { store, time } = this.#deps
    const user = actor.role === 'admin' ? undefined : (actor.user ?? undefined)
    if (user === undefined && actor.role !== 'admin') throw new PeerbinError('permission-denied')
    return { ended: await store.endSession({ id, user, now: time.now(), by: byOf(actor) }) }
  }

  async endAll({
    actor,
    user,
    except,
    keys = false
  }: Request<'endSessions'>): Promise<Response<'endSessions'>> {
    mustReach(actor, user)
    const { store, time } = this.#deps
    const by = byOf(actor)
    return { ended: await store.endSessions({ user, except, keys, now: time.now(), by }) }
  }

  async createKey(message: Request<'createKey'>): Promise<Response<'createKey'>> {
    const { actor, id, name, scopes, secretHash, expiresAt } = message
    const { store, time, config } = this.#deps
    if (actor.user === null) throw new PeerbinError('permission-denied', 'A key needs a user.')
    mustHave(actor, scopes)
    const now = time.now()
    if (expiresAt !== null && expiresAt <= now)
      throw new PeerbinError('invalid-field', 'The key would have expired already.')
    const session = await store.createKey({
      id,
      user: actor.user,
      name,
      scopes: [...new Set(scopes)],
      createdAt: now,
      expiresAt,
      secretHash,
      keysMax: config.keysMax
    })
    return { session }
  }
}

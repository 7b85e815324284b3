/** Pools as such: made, looked at, changed, deleted. */

import { PeerbinError } from '../../errors.ts'
import type { PoolSettings } from '../../pools.ts'
import { byOf, mustBeAdmin } from '../accounts/actors.ts'
import { PageRoom } from '../files/page-room.ts'
import { epochOf } from '../webhooks/deps.ts'
import type { Acknowledge } from './acknowledge.ts'
import { userOf } from './deps.ts'
import type { PoolDeps, Request, Response } from './deps.ts'
import { isProgram } from './programs.ts'
import { poolQuota, poolSpace } from './quota.ts'
import { mustHavePools } from './rights.ts'
import type { Admitted } from './rights.ts'

/** Files of a window that is over can still be sent in the one after it. */
const WINDOWS_MIN = 2
/** Pools that an administrator may have made: no limit of the configuration holds for them. */
const ADMIN_POOLS_MAX = 10_000

export interface KeepingDeps extends PoolDeps {
  readonly acknowledge: Acknowledge
}

export class PoolKeeping {
  readonly #deps: KeepingDeps

  constructor(deps: KeepingDeps) {
    this.#deps = deps
  }

  /** Answered when it survives the loss of the controller: members are let in from then on. */
  async create(
    { actor, id, name, settings }: Request<'createPool'>,
    signal: AbortSignal
  ): Promise<Response<'createPool'>> {
    mustHavePools(actor)
    const { store, time, config, acknowledge } = this.#deps
    const createdBy = userOf(actor)
    const isAdmin = actor.role === 'admin'
    const perUserMax = isAdmin ? ADMIN_POOLS_MAX : config.pools.perUserMax
    if (perUserMax === 0)
      throw new PeerbinError('permission-denied', 'Only administrators make pools in this cluster.')
    if (await isProgram(store, createdBy))
      throw new PeerbinError('permission-denied', 'A program that joined by a key makes no pools.')
    mustFit(settings)
    const createdAt = time.now()
    const pool = await store.createPool({ id, name, settings, createdBy, createdAt, perUserMax })
    // an id that somebody else has is not answered with what is theirs
    if (pool.createdBy !== createdBy) throw new PeerbinError('pool-unknown')
    await acknowledge.since(pool.createdAt, signal)
    return { pool, now: createdAt }
  }

  async list({ actor, after, limit, isMine }: Request<'listPools'>): Promise<Response<'listPools'>> {
    mustHavePools(actor)
    if (!isMine) mustBeAdmin(actor)
    const user = isMine ? userOf(actor) : undefined
    const found = await this.#deps.store.listPools({ user, after, limit: limit + 1 })
    const pools = PageRoom.fitting(found.slice(0, limit))
    return { pools, next: pools.length < found.length ? (pools.at(-1)?.pool.id ?? null) : null }
  }

  async get({ pool, member }: Admitted): Promise<Response<'getPool'>> {
    const { store, time, config } = this.#deps
    return {
      pool,
      member: member ?? null,
      usedBytes: await store.usedSpace(poolSpace(pool.id)),
      quotaBytes: poolQuota(config.pools, pool) ?? null,
      epoch: await epochOf(store),
      now: time.now()
    }
  }

  async change(
    { pool: { id } }: Admitted,
    { actor, revision, name, settings, state, quotaBytes }: Request<'changePool'>
  ): Promise<Response<'changePool'>> {
    if (quotaBytes !== undefined) mustBeAdmin(actor)
    if (settings !== undefined) mustFit(settings)
    const { store, time } = this.#deps
    const change = { id, revision, name, settings, state, quotaBytes }
    return { pool: await store.changePool({ ...change, now: time.now(), by: byOf(actor) }) }
  }

  /** Answered when a controller that is lost does not bring it back. */
  async delete({ pool: { id }, actor }: Admitted, signal: AbortSignal): Promise<Response<'deletePool'>> {
    const { store, time, acknowledge } = this.#deps
    await store.changePool({ id, state: 'deleting', now: time.now(), by: byOf(actor) })
    await acknowledge.now(signal)
    return {}
  }
}

/** What no single setting shows. @throws `invalid-field` */
function mustFit({ maxAgeMs, windowMs }: PoolSettings): void {
  if (maxAgeMs < WINDOWS_MIN * windowMs)
    throw new PeerbinError('invalid-field', `Files must be taken for at least ${WINDOWS_MIN} windows.`, {
      details: { field: 'max_age_s' }
    })
}

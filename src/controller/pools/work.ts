/** Servers' work on groups: taken under a lease, held on to, finished or failed. Who has a group is decided by the store, by the fence of the lease. */

import { PeerbinError } from '../../errors.ts'
import type { Config } from '../../config.ts'
import type { GroupHolder } from '../../metadata-pools.ts'
import type { Acknowledge } from './acknowledge.ts'
import { userOf } from './deps.ts'
import type { PoolDeps, Request, Response } from './deps.ts'
import type { Admitted } from './rights.ts'
import type { WorkQueue } from './work-queue.ts'

export interface WorkDeps extends PoolDeps {
  readonly acknowledge: Acknowledge
  readonly queue: WorkQueue
}

export class Work {
  readonly #deps: WorkDeps

  constructor(deps: WorkDeps) {
    this.#deps = deps
  }

  async lease(
    { actor, pool }: Admitted,
    { group, request: id, waitMs }: Request<'leaseGroup'>,
    signal: AbortSignal
  ): Promise<Response<'leaseGroup'>> {
    const { queue, time, config } = this.#deps
    const request = { pool: pool.id, server: userOf(actor), group, request: id }
    const leased = await queue.lease(request, Math.min(waitMs, config.pools.workWaitMs), signal)
    return { group: leased ?? null, now: time.now() }
  }

  async renew(who: Admitted, message: Request<'renewLease'>): Promise<Response<'renewLease'>> {
    const now = this.#deps.time.now()
    return { group: await this.#deps.store.renewLease({ ...holderOf(who, message), now }), now }
  }

  async finish(
    who: Admitted,
    message: Request<'finishGroup'>,
    signal: AbortSignal
  ): Promise<Response<'finishGroup'>> {
    const { store, time, acknowledge } = this.#deps
    const now = time.now()
    const { name, metadata } = message
    const group = await store.finishGroup({ ...holderOf(who, message), name, metadata, now })
    // one that was finished before may be safe already
    await acknowledge.since(group.endedAt ?? now, signal)
    return { group, now }
  }

  async fail(who: Admitted, message: Request<'failGroup'>): Promise<Response<'failGroup'>> {
    const { store, time, config, queue } = this.#deps
    const now = time.now()
    const holder = holderOf(who, message)
    const known = await store.getGroup(holder.pool, holder.group)
    if (known === undefined) throw new PeerbinError('group-unknown')
    const { reason, isFinal } = message
    const retryAt = now + pauseMs(known.attempts, config.pools)
    const group = await store.failGroup({ ...holder, reason, isFinal, retryAt, now })
    queue.look(holder.pool)
    return { group, now }
  }
}

const holderOf = (
  { actor, pool }: Admitted,
  { group, fence }: Pick<Request<'renewLease'>, 'group' | 'fence'>
): GroupHolder => ({ group, pool: pool.id, server: userOf(actor), fence })

/** How long a group waits after an attempt failed: twice as long after each further one. @param attempts so far, the one that failed too */
export const pauseMs = (
  attempts: number,
  { retryMs, retryMaxMs }: Pick<Config['pools'], 'retryMs' | 'retryMaxMs'>
): number => Math.min(retryMaxMs, retryMs * 2 ** Math.min(52, Math.max(0, attempts - 1)))

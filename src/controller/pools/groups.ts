/** Groups as members see them, and what owners and servers do about them by hand. */

import { PeerbinError } from '../../errors.ts'
import { poolOwner } from '../../pools.ts'
import type { GroupId, GroupRecord } from '../../pools.ts'
import { byOf, isSelf } from '../accounts/actors.ts'
import { PageRoom } from '../files/page-room.ts'
import type { PoolDeps, Request, Response } from './deps.ts'
import type { Admitted } from './rights.ts'

export class Groups {
  readonly #deps: PoolDeps

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  async list({ pool }: Admitted, request: Request<'listGroups'>): Promise<Response<'listGroups'>> {
    const { store, time } = this.#deps
    const { state, from, to, before, limit } = request
    const found = await store.listGroups({ pool: pool.id, state, from, to, before, limit: limit + 1 })
    const groups = PageRoom.fitting(found.slice(0, limit))
    const last = groups.at(-1)
    const hasMore = groups.length < found.length && last !== undefined
    const next = hasMore ? { start: last.start, generation: last.generation } : null
    return { groups, next, now: time.now() }
  }

  async get({ pool }: Admitted, { group }: Request<'getGroup'>): Promise<Response<'getGroup'>> {
    return { group: await this.#known(pool, group), now: this.#deps.time.now() }
  }

  async files(
    { pool }: Admitted,
    { group: id, after, limit }: Request<'listGroupFiles'>
  ): Promise<Response<'listGroupFiles'>> {
    await this.#filled(pool, id)
    const found = await this.#deps.store.listGroupFiles({ group: id, after, limit: limit + 1 })
    const files = PageRoom.fitting(found.slice(0, limit))
    return { files, isLast: files.length === found.length }
  }

  async producers(
    { pool }: Admitted,
    { group: id, after, limit }: Request<'listGroupProducers'>
  ): Promise<Response<'listGroupProducers'>> {
    await this.#known(pool, id)
    const found = await this.#deps.store.listGroupProducers({ group: id, after, limit: limit + 1 })
    const producers = PageRoom.fitting(found.slice(0, limit))
    return { producers, next: producers.length < found.length ? (producers.at(-1)?.user ?? null) : null }
  }

  async open(
    who: Admitted,
    { group: id, entry }: Request<'openPoolFile'>
  ): Promise<Response<'openPoolFile'>> {
    const { pool } = who
    const owner = poolOwner(pool.id)
    const group = await this.#known(pool, id)
    if (entry === undefined || entry === group.result?.entry)
      return { entry: this.#resultOf(group), owner, group }
    if (group.isEmptied) throw new PeerbinError('group-emptied')
    const file = await this.#deps.store.getGroupFile(id, entry)
    // whoever may not see it is not told either that it is there
    const mayRead = who.is('owner', 'server') || (file !== undefined && isSelf(who.actor, file.member))
    if (file === undefined || !mayRead) throw new PeerbinError('file-unknown')
    return { entry: file.entry, owner, group }
  }

  /** @throws `result-unknown`, `result-expired` */
  #resultOf({ result }: GroupRecord): Response<'openPoolFile'>['entry'] {
    if (result === null) throw new PeerbinError('result-unknown')
    if (result.expiresAt <= this.#deps.time.now()) throw new PeerbinError('result-expired')
    return result.entry
  }

  async close({ actor, pool }: Admitted, { group }: Request<'closeGroup'>): Promise<Response<'closeGroup'>> {
    const { store, time } = this.#deps
    const now = time.now()
    return { group: await store.closeGroup({ pool: pool.id, group, now, by: byOf(actor) }), now }
  }

  async retry({ actor, pool }: Admitted, { group }: Request<'retryGroup'>): Promise<Response<'retryGroup'>> {
    const { store, time } = this.#deps
    const now = time.now()
    return { group: await store.retryGroup({ pool: pool.id, group, now, by: byOf(actor) }), now }
  }

  /** One that has its files. @throws `group-unknown`, `group-emptied` */
  async #filled(pool: Admitted['pool'], id: GroupId): Promise<void> {
    const { isEmptied } = await this.#known(pool, id)
    if (isEmptied) throw new PeerbinError('group-emptied')
  }

  /** @throws `group-unknown` */
  async #known(pool: Admitted['pool'], id: GroupId): Promise<GroupRecord> {
    const group = await this.#deps.store.getGroup(pool.id, id)
    if (group === undefined) throw new PeerbinError('group-unknown')
    return group
  }
}

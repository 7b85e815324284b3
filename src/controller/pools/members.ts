/** Who is in a pool, and the keys by which others join. */

import { PeerbinError, hasCode } from '../../errors.ts'
import type { Membership } from '../../metadata-pools.ts'
import type { JoinKeyRecord, PoolMember, PoolRecord } from '../../pools.ts'
import { POOLS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import { typedNameKey } from '../../protocol/user-names.ts'
import type { SecretHash } from '../../types.ts'
import { byOf, isSelf } from '../accounts/actors.ts'
import { PageRoom } from '../files/page-room.ts'
import type { Acknowledge } from './acknowledge.ts'
import { userOf } from './deps.ts'
import type { PoolDeps, Request, Response } from './deps.ts'
import { isProgram, programUser, suffixed } from './programs.ts'
import { mustHavePools } from './rights.ts'
import type { Admitted } from './rights.ts'

export interface MembersDeps extends PoolDeps {
  readonly acknowledge: Acknowledge
}

export class Members {
  readonly #deps: MembersDeps

  constructor(deps: MembersDeps) {
    this.#deps = deps
  }

  async list(who: Admitted, request: Request<'listMembers'>): Promise<Response<'listMembers'>> {
    const { limit } = request
    const found = who.is('owner', 'server')
      ? await this.#deps.store.listMembers({ ...request, limit: limit + 1 })
      : await this.#ownersAndSelf(who, request)
    const members = PageRoom.fitting(found.slice(0, limit))
    return { members, next: members.length < found.length ? (members.at(-1)?.user ?? null) : null }
  }

  /** What others than owners and servers may see; one more than a page, if there is. */
  async #ownersAndSelf(
    { member, pool: { id: pool } }: Admitted,
    { role, silent, after, limit }: Request<'listMembers'>
  ): Promise<PoolMember[]> {
    const isWanted = (each: PoolMember): boolean =>
      (role === undefined || each.role === role) &&
      (silent !== true || each.silentSince !== null) &&
      (after === undefined || each.user > after)
    const owners =
      role === undefined || role === 'owner'
        ? await this.#deps.store.listMembers({ pool, role: 'owner', silent, after, limit: limit + 1 })
        : []
    const seen = member !== undefined && isWanted(member) ? [...owners, member] : owners
    return seen.toSorted((a, b) => (a.user < b.user ? -1 : 1)).slice(0, limit + 1)
  }

  /** Answered as joining by a key is. */
  async add(
    { actor, pool }: Admitted,
    { name, role }: Request<'addMember'>,
    signal: AbortSignal
  ): Promise<Response<'addMember'>> {
    const { store, time, config, acknowledge } = this.#deps
    const found = await store.findUser(typedNameKey(name))
    if (found === undefined) throw new PeerbinError('user-unknown')
    const user = found.user.id
    const isThere = (await store.getMembership(pool.id, user)) !== undefined
    if (!isThere && (await isProgram(store, user)))
      throw new PeerbinError('permission-denied', 'This account is for a program of another pool.')
    const { member } = await store.joinPool({
      by: { pool: pool.id, role, owner: actor.user ?? pool.createdBy },
      joining: { user },
      membersMax: config.pools.membersMax,
      now: time.now()
    })
    await acknowledge.since(member.joinedAt, signal)
    return { member }
  }

  async change(
    { actor, pool }: Admitted,
    { user, role }: Request<'changeMember'>,
    signal: AbortSignal
  ): Promise<Response<'changeMember'>> {
    const { store, time, acknowledge } = this.#deps
    const change = { pool: pool.id, user, role, now: time.now(), by: byOf(actor) }
    const member = await store.changeMember(change)
    await acknowledge.now(signal)
    return { member }
  }

  /** Answered when a controller that is lost does not bring them back. */
  async remove(
    { actor, pool, is }: Admitted,
    { user }: Request<'removeMember'>,
    signal: AbortSignal
  ): Promise<Response<'removeMember'>> {
    if (!is('owner') && !isSelf(actor, user)) throw new PeerbinError('permission-denied')
    const { store, time, acknowledge } = this.#deps
    const removed = await store.removeMember({ pool: pool.id, user, now: time.now(), by: byOf(actor) })
    if (!removed) throw new PeerbinError('member-unknown')
    await acknowledge.now(signal)
    return {}
  }

  // ---------------------------------------------------------------- join keys

  async createKey(
    { actor, pool }: Admitted,
    { id, hash, role, ttlMs, usesMax }: Request<'createJoinKey'>
  ): Promise<Response<'createJoinKey'>> {
    const { store, time, config } = this.#deps
    const createdAt = time.now()
    const key = await store.createJoinKey({
      id,
      pool: pool.id,
      hash,
      role,
      createdBy: actor.user ?? pool.createdBy,
      createdAt,
      expiresAt: createdAt + ttlMs,
      usesMax,
      keysMax: config.pools.joinKeysMax
    })
    // an id of another pool is not answered with what is there
    if (key.pool !== pool.id) throw new PeerbinError('join-key-unknown')
    return { key }
  }

  async keys({ pool }: Admitted): Promise<Response<'listJoinKeys'>> {
    return { keys: await this.#deps.store.listJoinKeys(pool.id, POOLS_PER_PAGE_MAX) }
  }

  async deleteKey(
    { pool }: Admitted,
    { id }: Request<'deleteJoinKey'>,
    signal: AbortSignal
  ): Promise<Response<'deleteJoinKey'>> {
    const { store, acknowledge } = this.#deps
    if (!(await store.deleteJoinKey(pool.id, id))) throw new PeerbinError('join-key-unknown')
    await acknowledge.now(signal)
    return {}
  }

  async findKey({ hash }: Request<'findJoinKey'>): Promise<Response<'findJoinKey'>> {
    const { key, pool } = await this.#usable(hash)
    const { id, name, settings } = pool
    return { pool: { id, name, settings }, role: key.role, expiresAt: key.expiresAt }
  }

  /** Who asks again, and has joined, is answered by the store, whatever has become of the key. */
  async join(message: Request<'joinPool'>, signal: AbortSignal): Promise<Response<'joinPool'>> {
    const { actor, program } = message
    if ((actor === undefined) === (program === undefined))
      throw new PeerbinError('bad-request', 'One of an actor and a program joins.')
    const joined =
      program === undefined ? await this.#joinUser(message) : await this.#joinProgram(message.hash, program)
    await this.#deps.acknowledge.now(signal)
    return joined
  }

  async #joinUser({ hash, actor }: Request<'joinPool'>): Promise<Membership> {
    const { store, time, config } = this.#deps
    if (actor === undefined) throw new PeerbinError('bad-request')
    mustHavePools(actor)
    const user = userOf(actor)
    if (await isProgram(store, user))
      throw new PeerbinError('permission-denied', 'A program that joined by a key has its pool.')
    const { membersMax } = config.pools
    return await store.joinPool({ by: { key: hash }, joining: { user }, membersMax, now: time.now() })
  }

  async #joinProgram(
    key: SecretHash,
    { user: id, name, session, secretHash, suffix }: NonNullable<Request<'joinPool'>['program']>
  ): Promise<Membership> {
    const { store, time, config } = this.#deps
    const now = time.now()
    const { membersMax } = config.pools
    const joinAs = async (given: string): Promise<Membership> =>
      await store.joinPool({
        by: { key },
        joining: {
          program: programUser({ id, name: given, createdAt: now }, this.#deps),
          key: { id: session, name: given, secretHash, expiresAt: null }
        },
        membersMax,
        now
      })
    try {
      return await joinAs(name)
    } catch (error) {
      if (suffix !== true || !hasCode(error, 'name-taken')) throw error
      return await joinAs(suffixed(name, id))
    }
  }

  /** @throws `join-key-invalid` */
  async #usable(hash: SecretHash): Promise<{ key: JoinKeyRecord; pool: PoolRecord }> {
    const { store, time } = this.#deps
    const key = await store.findJoinKey(hash)
    const isFree =
      key !== undefined && key.expiresAt > time.now() && (key.usesMax === null || key.uses < key.usesMax)
    const pool = isFree ? await store.getPool(key.pool) : undefined
    if (!isFree || pool?.state !== 'active') throw new PeerbinError('join-key-invalid')
    return { key, pool }
  }
}

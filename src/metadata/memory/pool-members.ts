import { PeerbinError } from '../../errors.ts'
import type { Joining, Membership, PoolRecords } from '../../metadata-pools.ts'
import { poolStream } from '../../pools.ts'
import type { JoinKeyId, JoinKeyRecord, PoolId, PoolMember, PoolRole } from '../../pools.ts'
import type { SecretHash, UserId } from '../../types.ts'
import { memberEvent } from '../pool-events.ts'
import { lateAt, mayWork } from '../pool-rules.ts'
import { eventActor, writeEvent } from './events.ts'
import { getMembership, knownPool, livePool, memberRecordOf, ownersOf } from './pool-rows.ts'
import type { JoinKeyRow, MemberRow, PoolRow } from './pool-state.ts'
import { voidLeases } from './pool-leases.ts'
import { createKey, endOfUser } from './sessions.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'
import { createUser, rowOf } from './users.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export const listMembers = (
  state: State,
  { pool, role, silent = false, after = '' as UserId, limit }: Request<'listMembers'>
): PoolMember[] =>
  [...(state.pools.get(pool)?.members.values() ?? [])]
    .filter(({ record }) => role === undefined || record.role === role)
    .filter(({ record }) => !silent || record.silentSince !== null)
    .filter(({ record }) => record.user > after)
    .toSorted((a, b) => byText(a.record.user, b.record.user))
    .slice(0, limit)
    .map((row) => memberRecordOf(state, row))

export function changeMember(
  state: State,
  { pool: id, user, role, now, by }: Request<'changeMember'>
): PoolMember {
  const pool = knownPool(state, id)
  const row = pool.members.get(user)
  if (row === undefined) throw new PeerbinError('member-unknown')
  const before = row.record.role
  if (before === role) return memberRecordOf(state, row)
  keepOwner(pool, row)
  row.record.role = role
  row.record.silentSince = null
  row.lateAt = lateAt(role, pool.record, now)
  if (mayWork(before) && !mayWork(role)) voidLeases(state, { pool: pool.record, server: user, now })
  const member = memberRecordOf(state, row)
  writeEvent(state, memberEvent('member.changed', member, { at: now, actor: eventActor(state, by) }))
  return member
}

/** @throws `last-owner` */
function keepOwner(pool: PoolRow, { record }: MemberRow): void {
  if (record.role === 'owner' && ownersOf(pool) === 1) throw new PeerbinError('last-owner')
}

export function removeMember(state: State, { pool: id, user, now, by }: Request<'removeMember'>): boolean {
  const pool = livePool(state, id)
  const row = pool?.members.get(user)
  if (pool === undefined || row === undefined) return false
  keepOwner(pool, row)
  pool.members.delete(user)
  for (const batch of pool.batches.values()) {
    if (batch.record.state !== 'open' || batch.record.member !== user) continue
    batch.record.state = 'abandoned'
    batch.dueAt = now
  }
  voidLeases(state, { pool: pool.record, server: user, now })
  for (const { webhook } of state.webhooks.values())
    if (webhook.owner === user && webhook.stream === poolStream(id)) state.webhooks.delete(webhook.id)
  const actor = eventActor(state, by)
  if (row.record.isProgram) {
    rowOf(state, user).record.state = 'disabled'
    endOfUser(state, { user, keys: true, now, by }, 'disabled')
  }
  writeEvent(state, memberEvent('member.removed', memberRecordOf(state, row), { at: now, actor }))
  return true
}

// ---------------------------------------------------------------- joining

interface Entrance {
  pool: PoolId
  role: PoolRole
  key: JoinKeyRow | undefined
  by: UserId
}

export function joinPool(state: State, request: Request<'joinPool'>): Membership {
  const { by, joining, membersMax, now } = request
  const user = 'user' in joining ? joining.user : joining.program.id
  const entrance = entranceOf(state, by, user)
  const { role, key } = entrance
  const known = getMembership(state, entrance.pool, user)
  if (known !== undefined) return known
  if (key !== undefined && !isUsable(key, now)) throw new PeerbinError('join-key-invalid')
  const pool = knownPool(state, entrance.pool)
  if (key !== undefined && pool.record.state !== 'active') throw new PeerbinError('join-key-invalid')
  if (pool.members.size >= membersMax) throw new PeerbinError('pool-full')
  beUser(state, joining, now)
  if (key !== undefined) key.record.uses++
  const row: MemberRow = {
    record: {
      pool: entrance.pool,
      user,
      role,
      isProgram: 'program' in joining,
      joinedAt: now,
      lastSentAt: null,
      silentSince: null
    },
    lateAt: lateAt(role, pool.record, now)
  }
  pool.members.set(user, row)
  const member = memberRecordOf(state, row)
  const actor = eventActor(state, entrance.by)
  writeEvent(state, memberEvent('member.joined', member, { at: now, actor }))
  return { pool: { ...pool.record, members: pool.members.size }, member }
}

function entranceOf(state: State, by: Request<'joinPool'>['by'], user: UserId): Entrance {
  if (!('key' in by)) return { pool: by.pool, role: by.role, key: undefined, by: by.owner }
  const key = findKey(state, by.key)
  if (key === undefined) throw new PeerbinError('join-key-invalid')
  return { pool: key.record.pool, role: key.record.role, key, by: user }
}

const isUsedUp = ({ record: { uses, usesMax } }: JoinKeyRow): boolean => usesMax !== null && uses >= usesMax

const isUsable = (key: JoinKeyRow, now: number): boolean => key.record.expiresAt > now && !isUsedUp(key)

/** @throws `user-unknown`; `name-taken` by another account; nothing has changed then */
function beUser(state: State, joining: Joining, now: number): void {
  if ('user' in joining) {
    rowOf(state, joining.user)
    return
  }
  const { program, key } = joining
  const { user } = createUser(state, { user: program, by: 'right' })
  if (user.state !== 'active') throw new PeerbinError('user-disabled')
  createKey(state, { ...key, user: program.id, scopes: ['pools'], createdAt: now, keysMax: 1 })
}

// ---------------------------------------------------------------- keys

const allKeys = (state: State): JoinKeyRow[] =>
  [...state.pools.values()].flatMap(({ joinKeys }) => [...joinKeys.values()])

const findKey = (state: State, hash: SecretHash): JoinKeyRow | undefined =>
  allKeys(state).find((row) => row.hash === hash)

const newestFirst = (a: JoinKeyRow, b: JoinKeyRow): number =>
  b.record.createdAt - a.record.createdAt || byText(b.record.id, a.record.id)

export function createJoinKey(state: State, request: Request<'createJoinKey'>): JoinKeyRecord {
  const { hash, keysMax, ...record } = request
  const known = allKeys(state).find((row) => row.record.id === record.id)
  if (known !== undefined) return { ...known.record }
  const { joinKeys } = knownPool(state, record.pool)
  const isEnded = (row: JoinKeyRow): boolean => !isUsable(row, record.createdAt)
  const all = [...joinKeys.values()].toSorted(newestFirst)
  if (all.filter((row) => !isEnded(row)).length >= keysMax) throw new PeerbinError('join-keys-full')
  for (const row of all.filter(isEnded).slice(keysMax, 2 * keysMax)) joinKeys.delete(row.record.id)
  const row = { record: { ...record, uses: 0 }, hash }
  joinKeys.set(record.id, row)
  return { ...row.record }
}

export function findJoinKey(state: State, hash: SecretHash): JoinKeyRecord | undefined {
  const row = findKey(state, hash)
  return row && { ...row.record }
}

export const listJoinKeys = (state: State, pool: PoolId, limit: number): JoinKeyRecord[] =>
  [...(state.pools.get(pool)?.joinKeys.values() ?? [])]
    .toSorted(newestFirst)
    .slice(0, limit)
    .map(({ record }) => ({ ...record }))

export const deleteJoinKey = (state: State, pool: PoolId, id: JoinKeyId): boolean =>
  state.pools.get(pool)?.joinKeys.delete(id) ?? false

/** Pools and members as they are told. */

import { PeerbinError } from '../../errors.ts'
import type { Membership } from '../../metadata-pools.ts'
import type { PoolId, PoolMember, PoolRecord } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import type { MemberRow, PoolRow } from './pool-state.ts'
import type { State } from './state.ts'

export const poolRecordOf = ({ record, members }: PoolRow): PoolRecord =>
  structuredClone({ ...record, members: members.size })

/** With the name that the account has now. */
export const memberRecordOf = (state: State, { record }: MemberRow): PoolMember => ({
  ...record,
  name: state.users.get(record.user)?.record.name ?? ''
})

/** Undefined for one that is not there, or is being deleted. */
export function livePool(state: State, id: PoolId): PoolRow | undefined {
  const row = state.pools.get(id)
  return row?.record.state === 'deleting' ? undefined : row
}

/** @throws `pool-unknown` */
export function knownPool(state: State, id: PoolId): PoolRow {
  const row = livePool(state, id)
  if (row === undefined) throw new PeerbinError('pool-unknown')
  return row
}

export function getMembership(state: State, id: PoolId, user: UserId): Membership | undefined {
  const row = livePool(state, id)
  const member = row?.members.get(user)
  return row && member && { pool: poolRecordOf(row), member: memberRecordOf(state, member) }
}

export const ownersOf = ({ members }: PoolRow): number =>
  [...members.values()].filter(({ record }) => record.role === 'owner').length

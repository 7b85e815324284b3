import type { SpaceKey } from '../../metadata-store.ts'
import { poolOwner, poolStream } from '../../pools.ts'
import { POOL_LOOK_AGAIN_MS, byWindow } from '../pool-group-rules.ts'
import { dropFiles, endEntries, forgetGroup } from './pool-removal.ts'
import type { Times } from './pool-removal.ts'
import type { PoolRow } from './pool-state.ts'
import { blocksOf, usedSpace } from './space.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

type Part = (state: State, pool: PoolRow, times: Times, limit: number) => number

/** In this order; each only when nothing is left for those before. */
const PARTS: readonly Part[] = [
  (state, { record: { id } }, times, limit) => endEntries(state, id, times, limit),
  dropBatches,
  dropGroups,
  dropIdleHooks,
  dropMembers,
  dropJoinKeys
]

/** As operations/pool-deletion.ts. */
export function deletePools(state: State, times: Times, limit: number): number {
  const due = [...state.pools.values()]
    .filter(({ record }) => record.state === 'deleting' && record.changedAt <= times.now)
    .toSorted(({ record: a }, { record: b }) => a.changedAt - b.changedAt || byText(a.id, b.id))
    .slice(0, limit)
  let changed = 0
  for (const pool of due) if (changed < limit) changed += deletePool(state, pool, times, limit - changed)
  return changed
}

function deletePool(state: State, pool: PoolRow, times: Times, limit: number): number {
  for (const drop of PARTS) {
    const dropped = drop(state, pool, times, limit)
    if (dropped > 0) return dropped
  }
  const { id } = pool.record
  const space: SpaceKey = `user:${poolOwner(id)}`
  const isUsed = usedSpace(state, space) > 0 || blocksOf(state, space).size > 0
  if (isUsed || pool.members.size > 0) pool.record.changedAt = times.now + POOL_LOOK_AGAIN_MS
  else state.pools.delete(id)
  return 1
}

function dropBatches(_state: State, pool: PoolRow, _times: Times, limit: number): number {
  const batches = [...pool.batches.values()]
    .toSorted(({ record: a }, { record: b }) => byText(a.id, b.id))
    .slice(0, limit)
  let changed = 0
  for (const batch of batches) {
    if (changed < limit) changed += dropFiles(pool, batch, limit - changed)
    if (changed >= limit) break
    pool.batches.delete(batch.record.id)
    changed++
  }
  return changed
}

function dropGroups(_state: State, pool: PoolRow, _times: Times, limit: number): number {
  const groups = [...pool.groups.values()]
    .toSorted(({ record: a }, { record: b }) => byWindow(a, b))
    .slice(0, limit)
  let changed = 0
  for (const row of groups) if (changed < limit) changed += forgetGroup(pool, row, limit - changed)
  return changed
}

const hooksOf = (state: State, pool: PoolRow) =>
  [...state.webhooks.values()]
    .map(({ webhook }) => webhook)
    .filter(({ stream }) => stream === poolStream(pool.record.id))

function dropIdleHooks(state: State, pool: PoolRow, _times: Times, limit: number): number {
  const idle = hooksOf(state, pool)
    .filter(({ state: is, dueAt }) => is === 'enabled' && dueAt === null)
    .slice(0, limit)
  for (const { id } of idle) state.webhooks.delete(id)
  return idle.length
}

function dropMembers(state: State, pool: PoolRow, _times: Times, limit: number): number {
  let changed = 0
  for (const user of [...pool.members.keys()].toSorted(byText).slice(0, limit)) {
    const hooks = hooksOf(state, pool).filter(({ owner }) => owner === user)
    const isActive = state.users.get(user)?.record.state === 'active'
    if (isActive && hooks.some(({ dueAt }) => dueAt !== null)) continue
    for (const { id } of hooks) state.webhooks.delete(id)
    pool.members.delete(user)
    changed++
  }
  return changed
}

function dropJoinKeys(_state: State, pool: PoolRow, _times: Times, limit: number): number {
  const keys = [...pool.joinKeys.values()]
    .toSorted(({ record: a }, { record: b }) => a.createdAt - b.createdAt || byText(a.id, b.id))
    .slice(0, limit)
  for (const { record } of keys) pool.joinKeys.delete(record.id)
  return keys.length
}

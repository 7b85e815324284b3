/** Pools that are being deleted, a page at a time, until nothing of them is left. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { SpaceKey } from '../../metadata-store.ts'
import { poolStream } from '../../pools.ts'
import { uuidOf } from '../columns.ts'
import { poolIdOf } from '../pool-columns.ts'
import { POOL_LOOK_AGAIN_MS } from '../pool-group-rules.ts'
import type { Schema } from '../schema.ts'
import type { WebhookId } from '../../webhooks.ts'
import { dropFiles, endEntries, forgetGroup } from './pool-removal.ts'
import type { Times } from './pool-removal.ts'
import { deleteWebhook } from './webhooks.ts'

type Db = Kysely<Schema>

/** In this order; each only when nothing is left for those before. */
const PARTS = [endEntries, dropBatches, dropGroups, dropIdleHooks, dropMembers, dropJoinKeys] as const

export async function deletePools(db: Db, times: Times, limit: number): Promise<number> {
  const due = await db
    .selectFrom('pools')
    .select('id')
    .where('state', '=', sql<'deleting'>`'deleting'`)
    .where('changed_at', '<=', times.now)
    .orderBy('changed_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const { id } of due) if (changed < limit) changed += await deletePool(db, id, times, limit - changed)
  return changed
}

async function deletePool(db: Db, pool: Uint8Array, times: Times, limit: number): Promise<number> {
  for (const drop of PARTS) {
    const dropped = await drop(db, pool, times, limit)
    if (dropped > 0) return dropped
  }
  const space = `user:${uuidOf(pool)}` as SpaceKey
  if ((await isUsed(db, space)) || (await hasMembers(db, pool)))
    await db
      .updateTable('pools')
      .set({ changed_at: times.now + POOL_LOOK_AGAIN_MS })
      .where('id', '=', pool)
      .execute()
  else {
    await db.deleteFrom('spaces').where('key', '=', space).execute()
    await db.deleteFrom('pools').where('id', '=', pool).execute()
  }
  return 1
}

/** By uploads and blocks, which end by themselves; what they become meanwhile is let go with the rest. */
async function isUsed(db: Db, key: SpaceKey): Promise<boolean> {
  const space = await db
    .selectFrom('spaces')
    .select(['bytes', 'blocks'])
    .where('key', '=', key)
    .executeTakeFirst()
  return space !== undefined && (space.bytes > 0 || space.blocks > 0)
}

const hasMembers = async (db: Db, pool: Uint8Array): Promise<boolean> =>
  (await db.selectFrom('pool_members').select('user_id').where('pool', '=', pool).limit(1).execute()).length >
  0

async function dropBatches(db: Db, pool: Uint8Array, _times: Times, limit: number): Promise<number> {
  const batches = await db
    .selectFrom('pool_batches')
    .select(['pool', 'id'])
    .where('pool', '=', pool)
    .orderBy('id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const batch of batches) {
    if (changed >= limit) break
    const dropped = await dropFiles(db, batch, limit - changed)
    changed += dropped
    if (changed >= limit) break
    await db.deleteFrom('pool_batches').where('pool', '=', pool).where('id', '=', batch.id).execute()
    changed++
  }
  return changed
}

async function dropGroups(db: Db, pool: Uint8Array, _times: Times, limit: number): Promise<number> {
  const groups = await db
    .selectFrom('pool_groups')
    .select('id')
    .where('pool', '=', pool)
    .orderBy('starts')
    .orderBy('generation')
    .limit(limit)
    .execute()
  let changed = 0
  for (const { id } of groups) if (changed < limit) changed += await forgetGroup(db, id, limit - changed)
  return changed
}

/** Webhooks that have told everything, that it was deleted too. */
async function dropIdleHooks(db: Db, pool: Uint8Array, _times: Times, limit: number): Promise<number> {
  const idle = await db
    .selectFrom('webhooks')
    .select('id')
    .where('stream', '=', poolStream(poolIdOf(pool)))
    .where('due_at', 'is', null)
    .where('state', '=', sql<'enabled'>`'enabled'`)
    .limit(limit)
    .execute()
  for (const { id } of idle) await deleteWebhook(db, uuidOf(id) as WebhookId)
  return idle.length
}

/** Those whose webhooks have something to tell still stay until they have. */
async function dropMembers(db: Db, pool: Uint8Array, _times: Times, limit: number): Promise<number> {
  const members = await db
    .selectFrom('pool_members')
    .leftJoin('users', 'users.id', 'pool_members.user_id')
    .select(['pool_members.user_id', 'users.state'])
    .where('pool_members.pool', '=', pool)
    .orderBy('pool_members.user_id')
    .limit(limit)
    .execute()
  let changed = 0
  for (const { user_id, state } of members) {
    const hooks = await db
      .selectFrom('webhooks')
      .select(['id', 'due_at'])
      .where('owner', '=', user_id)
      .where('stream', '=', poolStream(poolIdOf(pool)))
      .execute()
    if (state === 'active' && hooks.some(({ due_at }) => due_at !== null)) continue
    for (const { id } of hooks) await deleteWebhook(db, uuidOf(id) as WebhookId)
    await db.deleteFrom('pool_members').where('pool', '=', pool).where('user_id', '=', user_id).execute()
    changed++
  }
  return changed
}

async function dropJoinKeys(db: Db, pool: Uint8Array, _times: Times, limit: number): Promise<number> {
  const keys = await db
    .selectFrom('pool_join_keys')
    .select('id')
    .where('pool', '=', pool)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of keys) await db.deleteFrom('pool_join_keys').where('id', '=', id).execute()
  return keys.length
}

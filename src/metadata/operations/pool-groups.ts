/** Groups of pools as they are read, and the one update that every change of them is. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import type { GroupFile, GroupId, GroupProducer, GroupRecord, PoolId, PoolRecord } from '../../pools.ts'
import type { EntryId } from '../../types.ts'
import { userOf, uuidBytes } from '../columns.ts'
import { actorData } from '../event-facts.ts'
import { groupColumns, groupFileOf, groupOf, poolOf } from '../pool-columns.ts'
import { groupEvent } from '../pool-events.ts'
import type { GroupTimes } from '../pool-group-rules.ts'
import { closedGroup } from '../pool-rules.ts'
import type { Schema } from '../schema.ts'
import { eventActor, writeEvent } from './events.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export async function getGroup(
  db: Kysely<Schema>,
  pool: PoolId,
  group: GroupId
): Promise<GroupRecord | undefined> {
  const row = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('id', '=', uuidBytes(group))
    .where('pool', '=', uuidBytes(pool))
    .executeTakeFirst()
  return row && groupOf(row)
}

/** @throws `group-unknown` */
async function knownGroup(db: Kysely<Schema>, pool: PoolId, id: GroupId): Promise<GroupRecord> {
  const group = await getGroup(db, pool, id)
  if (group === undefined) throw new PeerbinError('group-unknown')
  return group
}

export async function listGroups(
  db: Kysely<Schema>,
  { pool, state, from, to, before, limit }: Request<'listGroups'>
): Promise<GroupRecord[]> {
  const rows = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('pool', '=', uuidBytes(pool))
    .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'open'))
    .$if(from !== undefined, (query) => query.where('starts', '>=', from ?? 0))
    .$if(to !== undefined, (query) => query.where('starts', '<', to ?? 0))
    .$if(before !== undefined, (query) =>
      query.where(sql<boolean>`(starts, generation) < (${before?.start ?? 0}, ${before?.generation ?? 0})`)
    )
    .orderBy('starts', 'desc')
    .orderBy('generation', 'desc')
    .limit(limit)
    .execute()
  return rows.map(groupOf)
}

const filesQuery = (db: Kysely<Schema>, group: GroupId) =>
  db
    .selectFrom('pool_files')
    .leftJoin('users', 'users.id', 'pool_files.member')
    .selectAll('pool_files')
    .select('users.name as member_name')
    .where('pool_files.grp', '=', uuidBytes(group))
    .where('pool_files.entry', 'is not', null)

/** Those that have their content, `entry` is not null. */
const filesOf = (rows: Awaited<ReturnType<ReturnType<typeof filesQuery>['execute']>>): GroupFile[] =>
  rows.flatMap(({ entry, ...row }) => (entry === null ? [] : [groupFileOf({ ...row, entry })]))

export async function listGroupFiles(
  db: Kysely<Schema>,
  { group, after, limit }: Request<'listGroupFiles'>
): Promise<GroupFile[]> {
  const rows = await filesQuery(db, group)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(pool_files.member, pool_files.at, pool_files.name) > (${after === undefined ? null : uuidBytes(after.member)}, ${after?.at ?? 0}, ${after?.name ?? ''})`
      )
    )
    .orderBy('pool_files.member')
    .orderBy('pool_files.at')
    .orderBy('pool_files.name')
    .limit(limit)
    .execute()
  return filesOf(rows)
}

export async function getGroupFile(
  db: Kysely<Schema>,
  group: GroupId,
  entry: EntryId
): Promise<GroupFile | undefined> {
  const rows = await filesQuery(db, group).where('pool_files.entry', '=', uuidBytes(entry)).execute()
  return filesOf(rows)[0]
}

export async function listGroupProducers(
  db: Kysely<Schema>,
  { group, after, limit }: Request<'listGroupProducers'>
): Promise<GroupProducer[]> {
  const rows = await db
    .selectFrom('pool_group_producers as producers')
    .leftJoin('users', 'users.id', 'producers.user_id')
    .select(['producers.user_id', 'producers.files', 'producers.bytes', 'users.name'])
    .where('producers.grp', '=', uuidBytes(group))
    .$if(after !== undefined, (query) =>
      query.where('producers.user_id', '>', after === undefined ? new Uint8Array() : uuidBytes(after))
    )
    .orderBy('producers.user_id')
    .limit(limit)
    .execute()
  return rows.map(({ user_id, name, files, bytes }) => ({
    user: userOf(user_id),
    name: name ?? '',
    files,
    bytes
  }))
}

/** Undefined for one that is not known, or is being deleted. */
export async function livePool(db: Kysely<Schema>, pool: PoolId): Promise<PoolRecord | undefined> {
  const row = await db
    .selectFrom('pools')
    .selectAll()
    .where('id', '=', uuidBytes(pool))
    .where('state', '<>', 'deleting')
    .executeTakeFirst()
  return row && poolOf(row)
}

/**
 * The one conditional update that every decision is: of a group that is as it was read. What it counts is left alone. Answers false when another one was first.
 * @param times given where the group ends, or no longer has
 */
export async function writeGroup(
  db: Kysely<Schema>,
  before: GroupRecord,
  after: GroupRecord,
  times?: GroupTimes
): Promise<boolean> {
  const columns = groupColumns(after)
  const { state, closed_at, server, fence, leased_until, attempts, due_at, failure, result, result_entry } =
    columns
  const { ended_at, is_emptied } = columns
  const changed = { state, closed_at, server, fence, leased_until, attempts, due_at, failure, ended_at }
  const written = await db
    .updateTable('pool_groups')
    .set({
      ...changed,
      result,
      result_entry,
      is_emptied,
      ...(times !== undefined && { empty_at: times.emptyAt, forget_at: times.forgetAt })
    })
    .where('id', '=', columns.id)
    .where('state', '=', before.state)
    .where('fence', '=', before.fence)
    .where('attempts', '=', before.attempts)
    .where('is_emptied', '=', Number(before.isEmptied))
    .where('leased_until', 'is not distinct from', before.leasedUntil)
    .where('due_at', 'is not distinct from', before.dueAt)
    .executeTakeFirst()
  return written.numUpdatedRows === 1n
}

/** As writeGroup. @throws `busy` when another one was first */
export async function changeGroup(
  db: Kysely<Schema>,
  before: GroupRecord,
  after: GroupRecord,
  times?: GroupTimes
): Promise<GroupRecord> {
  if (!(await writeGroup(db, before, after, times))) throw new PeerbinError('busy')
  return after
}

export async function closeGroup(
  db: Kysely<Schema>,
  { pool, group: id, now, by }: Request<'closeGroup'>
): Promise<GroupRecord> {
  const group = await knownGroup(db, pool, id)
  if (group.state !== 'open') return group
  const closed = closedGroup(group, now)
  if (!(await writeGroup(db, group, closed))) return await knownGroup(db, pool, id)
  await writeEvent(db, groupEvent('group.closed', closed, now, actorData(await eventActor(db, by))))
  return closed
}

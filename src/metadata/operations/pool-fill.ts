/** Which group each file of a batch goes into: decided by the database for all of them at once, in a few statements however many files and windows there are. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { GroupRecord, PoolRecord } from '../../pools.ts'
import { actorData } from '../event-facts.ts'
import { BATCH_ROWS } from '../limits.ts'
import { uuidBytes } from '../columns.ts'
import { batchIdOf, groupColumns, groupOf, poolOf } from '../pool-columns.ts'
import { groupEvent } from '../pool-events.ts'
import type { NewEvent } from '../event-facts.ts'
import { closedGroup, newGroup } from '../pool-rules.ts'
import type { PoolBatchesTable, PoolsTable } from '../schema-pools.ts'
import type { Schema } from '../schema.ts'
import { entryOfFile } from './pool-batches.ts'
import { writeGroup } from './pool-groups.ts'

type Batch = Pick<Selectable<PoolBatchesTable>, 'pool' | 'id' | 'member'>

/**
 * The open group whose window covers a file; where there are several, since windows were changed, the one that begins last.
 * @param longestMs no open group has a longer window: those that begin earlier are not looked at, of which there may be thousands for each file
 */
const coveringGroup = (longestMs: number) => sql<Uint8Array | null>`(
  select pool_groups.id from pool_groups
  where pool_groups.pool = pool_files.pool and pool_groups.state = 'open'
  and pool_groups.starts <= pool_files.at and pool_groups.starts > pool_files.at - ${longestMs}
  and pool_groups.ends > pool_files.at
  order by pool_groups.starts desc, pool_groups.generation desc limit 1)`

/** Of the windows of open groups, and of those that are opened now. */
async function longestWindow(db: Kysely<Schema>, { id, settings }: PoolRecord): Promise<number> {
  const { longest } = await db
    .selectFrom('pool_groups')
    .select(sql<number | null>`max(ends - starts)`.as('longest'))
    .where('pool', '=', uuidBytes(id))
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow()
  return Math.max(Number(longest ?? 0), settings.windowMs)
}

/** Files of the batch that are no duplicates. */
const ofBatch = (batch: Batch) => sql`pool = ${batch.pool} and batch = ${batch.id} and is_duplicate = 0`

/**
 * Gives each file of the batch that is no duplicate its entry, if there is one, and its group, opens those that are not there, counts, and closes those that have enough producers. The
 * pool's row is taken. Answers what is to be told of the groups, and how many there are.
 */
export async function fillGroups(
  db: Kysely<Schema>,
  pool: Selectable<PoolsTable>,
  batch: Batch,
  now: number
): Promise<{ events: NewEvent[]; groups: number }> {
  const record = poolOf(pool)
  const covering = coveringGroup(await longestWindow(db, record))
  const opened = await openGroups(db, record, batch, { covering, now })
  await sql`update pool_files set entry = ${entryOfFile(batchIdOf(batch.id))}, grp = ${covering}
    where ${ofBatch(batch)}`.execute(db)
  const groups = await countFiles(db, batch)
  const closed = await closeFull(db, record, groups, now)
  return {
    groups: groups.length,
    events: [
      ...groups.filter(({ id }) => opened.has(id)).map((group) => groupEvent('group.opened', group, now)),
      ...closed.map((group) => groupEvent('group.closed', group, now, actorData(null)))
    ]
  }
}

/** For windows of the batch that no open group covers. */
async function openGroups(
  db: Kysely<Schema>,
  pool: PoolRecord,
  batch: Batch,
  { covering, now }: { covering: ReturnType<typeof coveringGroup>; now: number }
): Promise<ReadonlySet<string>> {
  // the type matters: by a number that may have a fraction, division would have one
  const length = sql`cast(${pool.settings.windowMs} as bigint)`
  const { rows: missing } = await sql<{ start: number }>`
    select distinct (at / ${length}) * ${length} as start from pool_files
    where ${ofBatch(batch)} and ${covering} is null order by start`.execute(db)
  const groups: GroupRecord[] = []
  for (let at = 0; at < missing.length; at += BATCH_ROWS) {
    const starts = missing.slice(at, at + BATCH_ROWS).map(({ start }) => Number(start))
    const before = await groupsBefore(db, batch.pool, starts)
    groups.push(
      ...starts.map((start) => {
        const { last, hasClosed } = before.get(start) ?? { last: -1, hasClosed: false }
        return newGroup(pool, { at: start, generation: last + 1, hasClosed, now })
      })
    )
  }
  for (let at = 0; at < groups.length; at += BATCH_ROWS)
    await db
      .insertInto('pool_groups')
      .values(groups.slice(at, at + BATCH_ROWS).map(groupColumns))
      .execute()
  return new Set(groups.map(({ id }) => id))
}

/** Of the groups that begin with these windows: the greatest generation, and whether one has closed. */
async function groupsBefore(
  db: Kysely<Schema>,
  pool: Uint8Array,
  starts: readonly number[]
): Promise<Map<number, { last: number; hasClosed: boolean }>> {
  const rows = await db
    .selectFrom('pool_groups')
    .select(({ fn }) => [
      'starts',
      fn.max('generation').as('last'),
      fn.countAll<number>().filterWhere('state', '<>', 'open').as('closed')
    ])
    .where('pool', '=', pool)
    .where('starts', 'in', starts)
    .groupBy('starts')
    .execute()
  return new Map(rows.map((row) => [row.starts, { last: row.last, hasClosed: Number(row.closed) > 0 }]))
}

/** Answers the groups that files of the batch are in, as they are then. */
async function countFiles(db: Kysely<Schema>, batch: Batch): Promise<GroupRecord[]> {
  const counts = sql`select grp, member, count(*) as files, sum(size) as bytes from pool_files
    where ${ofBatch(batch)} and grp is not null group by grp, member`
  await sql`update pool_groups set files = pool_groups.files + counts.files, bytes = pool_groups.bytes + counts.bytes,
    producers = pool_groups.producers + case when exists (
      select 1 from pool_group_producers as known where known.grp = pool_groups.id and known.user_id = counts.member
    ) then 0 else 1 end
    from (${counts}) as counts where pool_groups.id = counts.grp and pool_groups.state = 'open'`.execute(db)
  await sql`insert into pool_group_producers (grp, user_id, files, bytes) ${counts}
    on conflict (grp, user_id) do update set files = pool_group_producers.files + excluded.files,
    bytes = pool_group_producers.bytes + excluded.bytes`.execute(db)
  const rows = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('id', 'in', (query) =>
      query
        .selectFrom('pool_files')
        .select('grp')
        .where(sql<boolean>`${ofBatch(batch)}`)
        .where('grp', 'is not', null)
    )
    .orderBy('starts')
    .orderBy('generation')
    .execute()
  if (rows.some(({ state }) => state !== 'open'))
    throw new PeerbinError('busy', 'a group was closed while files went into it')
  return rows.map(groupOf)
}

async function closeFull(
  db: Kysely<Schema>,
  { settings: { closeAtProducers } }: PoolRecord,
  groups: readonly GroupRecord[],
  now: number
): Promise<GroupRecord[]> {
  const closed: GroupRecord[] = []
  for (const group of groups) {
    if (closeAtProducers === null || group.producers < closeAtProducers) continue
    const after = closedGroup(group, now)
    if (!(await writeGroup(db, group, after)))
      throw new PeerbinError('busy', 'a group was closed by somebody else')
    closed.push(after)
  }
  return closed
}

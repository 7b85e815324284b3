/** Who works on which group: leases, results, failures. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { GroupHolder, PoolRecords } from '../../metadata-pools.ts'
import { poolOwner, resultPath } from '../../pools.ts'
import type { GroupId, GroupRecord, GroupResult, PoolId, PoolRecord } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import { entryOf, hexOf, uuidBytes } from '../columns.ts'
import { actorData } from '../event-facts.ts'
import { groupOf } from '../pool-columns.ts'
import { groupEvent } from '../pool-events.ts'
import * as rules from '../pool-group-rules.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { eventActor, writeEvent } from './events.ts'
import { findPath } from './paths.ts'
import { changeGroup, getGroup, livePool, writeGroup } from './pool-groups.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export async function leaseGroup(
  db: Kysely<Schema>,
  { pool: id, server, group: wanted, request, now }: Request<'leaseGroup'>
): Promise<GroupRecord | undefined> {
  const pool = await livePool(db, id)
  if (pool === undefined) return undefined
  const given = request && (await findLease(db, { pool: id, server, request, now }))
  if (given) return given
  const { settings } = pool
  for (let i = 0; i < rules.LEASE_TRIES; i++) {
    const group = await nextGroup(db, id, wanted, now)
    if (group === undefined || !(await takeWorker(db, id, server))) return undefined
    if (rules.isUsedUp(group, settings)) {
      await endOverdue(db, group, pool, now)
      continue
    }
    const leased = rules.leasedGroup(group, { server, now, settings })
    if (!(await writeGroup(db, group, leased))) continue
    await noteRequest(db, leased, request)
    await writeEvent(db, groupEvent('group.taken', leased, now))
    return leased
  }
  return undefined
}

/** Of whoever had it before, nothing is known any more. */
async function noteRequest(
  db: Kysely<Schema>,
  { id }: GroupRecord,
  request: string | undefined
): Promise<void> {
  await db
    .updateTable('pool_groups')
    .set({ lease_request: request ?? null })
    .where('id', '=', uuidBytes(id))
    .execute()
}

export async function findLease(
  db: Kysely<Schema>,
  { pool, server, request, now }: Request<'findLease'>
): Promise<GroupRecord | undefined> {
  const row = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('pool', '=', uuidBytes(pool))
    .where('server', '=', uuidBytes(server))
    .where('leased_until', '>', now)
    .where('state', '=', 'processing')
    .where('lease_request', '=', request)
    .limit(1)
    .executeTakeFirst()
  return row && groupOf(row)
}

/** Takes the member's row: whoever removes them comes before, or after the lease, and ends it. */
async function takeWorker(db: Kysely<Schema>, pool: PoolId, user: UserId): Promise<boolean> {
  const member = await db
    .updateTable('pool_members')
    .set((eb) => ({ role: eb.ref('role') }))
    .where('pool', '=', uuidBytes(pool))
    .where('user_id', '=', uuidBytes(user))
    .returning('role')
    .executeTakeFirst()
  return member !== undefined && rules.mayWork(member.role)
}

/** That waits longest. */
async function nextGroup(
  db: Kysely<Schema>,
  pool: PoolId,
  wanted: GroupId | undefined,
  now: number
): Promise<GroupRecord | undefined> {
  if (wanted !== undefined) {
    const group = await getGroup(db, pool, wanted)
    return group !== undefined && rules.isLeasable(group, now) ? group : undefined
  }
  const first = async (state: 'closed' | 'processing', time: 'due_at' | 'leased_until') =>
    await db
      .selectFrom('pool_groups')
      .selectAll()
      .where('pool', '=', uuidBytes(pool))
      .where('state', '=', state)
      .where(time, '<=', now)
      .orderBy('starts')
      .orderBy('generation')
      .limit(1)
      .executeTakeFirst()
  const [one, other] = [await first('closed', 'due_at'), await first('processing', 'leased_until')]
  const found = [one, other]
    .flatMap((row) => (row === undefined ? [] : [groupOf(row)]))
    .toSorted(rules.byWindow)
  return found[0]
}

/** A lease is over: the group waits again, or has failed. Answers false when another one was first. */
export async function endOverdue(
  db: Kysely<Schema>,
  group: GroupRecord,
  { settings }: Pick<PoolRecord, 'settings'>,
  now: number
): Promise<boolean> {
  const ended = rules.overdueGroup(group, now, settings)
  if (!(await writeGroup(db, group, ended, rules.timesOf(ended, settings)))) return false
  await writeEvent(db, rules.failureEvent(ended, now))
  return true
}

/** A group of a pool that is there, and whoever says they hold it. */
async function readHeld(
  db: Kysely<Schema>,
  { pool: id, group }: GroupHolder
): Promise<{ pool: PoolRecord; group: GroupRecord }> {
  const pool = await livePool(db, id)
  const read = await getGroup(db, id, group)
  if (pool === undefined || read === undefined) throw rules.notHeld(undefined)
  return { pool, group: read }
}

export async function renewLease(db: Kysely<Schema>, request: Request<'renewLease'>): Promise<GroupRecord> {
  const { pool, group } = await readHeld(db, request)
  if (!rules.isHeld(group, request)) throw rules.notHeld(undefined)
  return await changeGroup(db, group, rules.renewedGroup(group, request.now, pool.settings))
}

export async function finishGroup(db: Kysely<Schema>, request: Request<'finishGroup'>): Promise<GroupRecord> {
  const { now } = request
  const { pool, group } = await readHeld(db, request)
  if (group.state === 'done' && rules.isOf(group, request)) return group
  if (!rules.isHeld(group, request)) throw rules.notHeld(group)
  const result = await readResult(db, request, now + pool.settings.resultTtlMs)
  const done = rules.finishedGroup(group, result, now)
  await changeGroup(db, group, done, rules.timesOf(done, pool.settings))
  await keepResult(db, result, now)
  await writeEvent(db, groupEvent('group.done', done, now))
  return done
}

/** What was stored for this lease. @throws `result-missing` */
async function readResult(
  db: Kysely<Schema>,
  { pool, group, fence, name, metadata, now }: Request<'finishGroup'>,
  expiresAt: number
): Promise<GroupResult> {
  const known = await findPath(db, uuidBytes(poolOwner(pool)), resultPath(group, fence))
  if (known === undefined || known.entry === null) throw new PeerbinError('result-missing')
  const content = await db
    .selectFrom('entries')
    .innerJoin('versions', (join) =>
      join.onRef('versions.entry', '=', 'entries.id').onRef('versions.number', '=', 'entries.shown')
    )
    .innerJoin('files', 'files.id', 'versions.file')
    .select(['entries.id', 'files.size', 'files.media_type', 'files.sha256'])
    .where('entries.id', '=', known.entry)
    .where('entries.state', '=', LIVE)
    .where(isThere(now))
    .executeTakeFirst()
  if (content === undefined) throw new PeerbinError('result-missing')
  const { size: sizeBytes, media_type: mediaType, sha256 } = content
  return {
    entry: entryOf(content.id),
    name,
    mediaType,
    sizeBytes,
    sha256: hexOf(sha256),
    metadata,
    expiresAt
  }
}

/** It stays until then. @throws `result-missing` where it has gone meanwhile */
async function keepResult(db: Kysely<Schema>, { entry, expiresAt }: GroupResult, now: number): Promise<void> {
  const kept = await db
    .updateTable('entries')
    .set({ expires_at: expiresAt })
    .where('id', '=', uuidBytes(entry))
    .where('state', '=', LIVE)
    .where(isThere(now))
    .executeTakeFirst()
  if (kept.numUpdatedRows !== 1n) throw new PeerbinError('result-missing')
}

const isThere = (now: number) => sql<boolean>`(entries.expires_at is null or entries.expires_at > ${now})`

export async function failGroup(db: Kysely<Schema>, request: Request<'failGroup'>): Promise<GroupRecord> {
  const { pool, group } = await readHeld(db, request)
  if (!rules.isHeld(group, request)) {
    const isRepeat = rules.isOf(group, request) && group.state !== 'done'
    if (isRepeat) return group
    throw rules.notHeld(group)
  }
  const failed = rules.failedGroup(group, request, pool.settings)
  await changeGroup(db, group, failed, rules.timesOf(failed, pool.settings))
  await writeEvent(db, rules.failureEvent(failed, request.now))
  return failed
}

export async function retryGroup(
  db: Kysely<Schema>,
  { pool, group: id, now, by }: Request<'retryGroup'>
): Promise<GroupRecord> {
  const group = await getGroup(db, pool, id)
  if (group === undefined) throw new PeerbinError('group-unknown')
  const retried = rules.retriedGroup(group, now)
  await changeGroup(db, group, retried, { emptyAt: null, forgetAt: null })
  await writeEvent(db, groupEvent('group.closed', retried, now, actorData(await eventActor(db, by))))
  return retried
}

export interface VoidLeases {
  pool: Pick<PoolRecord, 'id' | 'settings'>
  server?: UserId | undefined
  now: number
}

/**
 * Leases that end before their time: of somebody who may not work any more, or (without `server`) of everybody, in a pool that is being deleted, which says so itself. Whoever had one
 * is refused from then on.
 */
export async function voidLeases(db: Kysely<Schema>, { pool, server, now }: VoidLeases): Promise<void> {
  const rows = await db
    .selectFrom('pool_groups')
    .selectAll()
    .where('pool', '=', uuidBytes(pool.id))
    .$if(server !== undefined, (query) =>
      query.where('server', '=', server === undefined ? null : uuidBytes(server))
    )
    .where('leased_until', 'is not', null)
    .execute()
  for (const group of rows.map(groupOf).toSorted(rules.byWindow)) {
    const voided = rules.voidedGroup(group, now, pool.settings)
    await changeGroup(db, group, voided, rules.timesOf(voided, pool.settings))
    if (server !== undefined && group.state === 'processing')
      await writeEvent(db, rules.failureEvent(voided, now))
  }
}

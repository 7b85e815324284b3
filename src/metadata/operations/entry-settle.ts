/** What is over of users' files, and what has got all its copies, in bounded steps. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { entryOf, uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { DELETED, endEntry } from './entry-removal.ts'
import { releasePath } from './paths.ts'
import { FAILED, showNewest, tell, versionsOf } from './versions.ts'

type Times = Parameters<EntryRecords['settleEntries']>[0]

/** In this order; each takes what the ones before left of the limit. */
const STEPS = [expireEntries, dropVersions, forgetFailures, forgetEntries, forgetFiles] as const

export async function settleEntries(db: Kysely<Schema>, times: Times, limit: number): Promise<number> {
  let changed = 0
  for (const step of STEPS) if (changed < limit) changed += await step(db, times, limit - changed)
  return changed
}

async function expireEntries(db: Kysely<Schema>, { now, graceMs }: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('entries')
    .select('id')
    .where('state', '=', LIVE)
    .where('expires_at', 'is not', null)
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of over) await endEntry(db, id, { now, graceMs, isExpired: true })
  return over.length
}

/** Their grace is over: their content is let go. */
async function dropVersions(db: Kysely<Schema>, { now }: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('versions')
    .select(['entry', 'number', 'file'])
    .where('drop_at', 'is not', null)
    .where('drop_at', '<=', now)
    .orderBy('drop_at')
    .orderBy('entry')
    .orderBy('number')
    .limit(limit)
    .execute()
  for (const { entry, number, file } of over) {
    const gone = await db
      .deleteFrom('versions')
      .where('entry', '=', entry)
      .where('number', '=', number)
      .executeTakeFirst()
    if (gone.numDeletedRows !== 1n || file === null) continue
    await db
      .updateTable('files')
      .set((eb) => ({
        links: eb('links', '-', 1),
        link_rows: eb('link_rows', '-', 1),
        graced: eb('graced', '-', 1)
      }))
      .where('id', '=', file)
      .execute()
  }
  return over.length
}

async function forgetFailures(db: Kysely<Schema>, { now, failedMs }: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('versions')
    .select(['entry', 'number'])
    .where('status', '=', FAILED)
    .where('uploaded_at', '<=', now - failedMs)
    .orderBy('uploaded_at')
    .orderBy('entry')
    .orderBy('number')
    .limit(limit)
    .execute()
  for (const { entry, number } of over) {
    // takes its row: an upload to it at the same moment comes before or after
    const taken = await db
      .updateTable('entries')
      .set((eb) => ({ last: eb.ref('last') }))
      .where('id', '=', entry)
      .returning(['id', 'shown'])
      .executeTakeFirst()
    await db.deleteFrom('versions').where('entry', '=', entry).where('number', '=', number).execute()
    const left = await versionsOf(db, entry)
    if (left.length > 0 && taken !== undefined) await showNewest(db, taken, left)
    else await forgetEmpty(db, entry)
  }
  return over.length
}

/** Of an entry of which nothing was ever stored nothing is left to tell. */
async function forgetEmpty(db: Kysely<Schema>, entry: Uint8Array): Promise<void> {
  const gone = await db
    .deleteFrom('entries')
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .returning(['owner', 'path'])
    .executeTakeFirst()
  if (gone !== undefined) await releasePath(db, gone.owner, gone.path)
}

/** Deleted ones are remembered for as long as their content is kept, so that a repeat is known as one. */
async function forgetEntries(db: Kysely<Schema>, { now, graceMs }: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('entries')
    .select('id')
    .where('state', '=', DELETED)
    .where('ended_at', '<=', now - graceMs)
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('versions').select('number').whereRef('versions.entry', '=', 'entries.id'))
      )
    )
    .orderBy('ended_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of over) await db.deleteFrom('entries').where('id', '=', id).execute()
  return over.length
}

/** Files that no link tells of any more, and of which no piece is left. */
async function forgetFiles(db: Kysely<Schema>, _times: Times, limit: number): Promise<number> {
  const over = await db
    .selectFrom('files')
    .select('id')
    .where('state', '=', DELETED)
    .where('holder', 'is', null)
    .where('link_rows', '=', sql.lit(0))
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of over) await db.deleteFrom('files').where('id', '=', id).execute()
  return over.length
}

type StatusRequest = Parameters<EntryRecords['settleStatuses']>[0]

export async function settleStatuses(
  db: Kysely<Schema>,
  { copies, after, limit, now }: StatusRequest
): ReturnType<EntryRecords['settleStatuses']> {
  const cached = await listCached(db, after, limit + 1)
  let changed = 0
  let left = limit
  for (const [i, version] of cached.entries()) {
    const { entry, number } = version
    const looked = await look(db, version, copies, left)
    left -= looked.count
    if (looked.isMore) return { changed, next: { entry: entryOf(entry), version: number - 1 } }
    if (looked.isComplete && (await settle(db, entry, number, now))) changed++
    const isLast = i === cached.length - 1
    if (left <= 0 && !isLast) return { changed, next: { entry: entryOf(entry), version: number } }
  }
  return { changed, next: null }
}

async function listCached(db: Kysely<Schema>, after: StatusRequest['after'], limit: number) {
  return await db
    .selectFrom('versions')
    .innerJoin('files', 'files.id', 'versions.file')
    .select(['versions.entry', 'versions.number', 'versions.checked', 'files.holder', 'files.chunk_count'])
    .where('versions.status', '=', sql<'cached'>`'cached'`)
    .where('versions.drop_at', 'is', null)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(versions.entry, versions.number) > (${after === undefined ? null : uuidBytes(after.entry)}, ${after?.version ?? 0})`
      )
    )
    .orderBy('versions.entry')
    .orderBy('versions.number')
    .limit(limit)
    .execute()
}

/** Goes on with a version's pieces as far as they have their copies. */
async function look(
  db: Kysely<Schema>,
  version: Awaited<ReturnType<typeof listCached>>[number],
  copies: number,
  limit: number
): Promise<{ count: number; isComplete: boolean; isMore: boolean }> {
  const { entry, number, checked: from, holder, chunk_count } = version
  const all = chunk_count + 1
  const until = Math.min(all, from + limit)
  const lacking =
    holder === null
      ? { idx: MANIFEST_INDEX }
      : await db
          .selectFrom('pieces')
          .innerJoin('chunks', 'chunks.digest', 'pieces.digest')
          .select('pieces.idx')
          .where('pieces.holder', '=', holder)
          .where('pieces.idx', '>=', MANIFEST_INDEX + from)
          .where('pieces.idx', '<', MANIFEST_INDEX + until)
          .where('chunks.copies', '<', copies)
          .orderBy('pieces.idx')
          .limit(1)
          .executeTakeFirst()
  const checked = lacking === undefined ? until : lacking.idx - MANIFEST_INDEX
  if (checked !== from)
    await db
      .updateTable('versions')
      .set({ checked })
      .where('entry', '=', entry)
      .where('number', '=', number)
      .execute()
  return {
    count: Math.max(1, checked - from),
    isComplete: checked === all,
    isMore: checked === until && until < all
  }
}

/** Says whether it was this call that changed it. */
async function settle(db: Kysely<Schema>, entry: Uint8Array, number: number, now: number): Promise<boolean> {
  const settled = await db
    .updateTable('versions')
    .set({ status: 'uploaded_successfully' })
    .where('entry', '=', entry)
    .where('number', '=', number)
    .where('status', '=', 'cached')
    .where('drop_at', 'is', null)
    .executeTakeFirst()
  if (settled.numUpdatedRows !== 1n) return false
  const row = await db
    .selectFrom('entries')
    .select(['id', 'owner', 'path'])
    .where('id', '=', entry)
    .executeTakeFirst()
  if (row !== undefined) await tell(db, row, number, now)
  return true
}

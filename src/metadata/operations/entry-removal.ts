/** Ends of users' files: gone from everything at once, and their content once nobody can still be reading it. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { hashOf, userOf, uuidBytes } from '../columns.ts'
import { placeOf } from '../entry-rules.ts'
import type { Schema, VersionsTable } from '../schema.ts'
import type { UserId } from '../../types.ts'
import { LIVE } from './chunks.ts'
import { noteFile } from './event-notes.ts'
import { revokeNow } from './links.ts'
import { findPath, releasePath } from './paths.ts'
import { whyNotChanged } from './preconditions.ts'
import { changeSpace } from './space.ts'

export const DELETED = sql<'deleted'>`'deleted'`

/** It counts no more; its content goes at `dropAt`. */
export async function dropVersion(
  db: Kysely<Schema>,
  { entry, number, file }: Pick<Selectable<VersionsTable>, 'entry' | 'number' | 'file'>,
  dropAt: number
): Promise<void> {
  if (file === null) {
    await db.deleteFrom('versions').where('entry', '=', entry).where('number', '=', number).execute()
    return
  }
  const dropped = await db
    .updateTable('versions')
    .set({ drop_at: dropAt })
    .where('entry', '=', entry)
    .where('number', '=', number)
    .where('drop_at', 'is', null)
    .executeTakeFirst()
  if (dropped.numUpdatedRows !== 1n) return
  await db
    .updateTable('files')
    .set((eb) => ({ graced: eb('graced', '+', 1) }))
    .where('id', '=', file)
    .execute()
  await uncount(db, file)
}

/** When nothing leads to it any more, the space of a file is free, though its bytes are there a little longer. */
async function uncount(db: Kysely<Schema>, file: Uint8Array): Promise<void> {
  const uncounted = await db
    .updateTable('files')
    .set({ counted: 0 })
    .where('id', '=', file)
    .where('state', '=', LIVE)
    .where('counted', '=', 1)
    .whereRef('graced', '=', 'links')
    .returning(['space', 'size'])
    .executeTakeFirst()
  if (uncounted !== undefined) await changeSpace(db, uncounted.space, -uncounted.size)
}

export async function deleteEntry(
  db: Kysely<Schema>,
  { id, version, basePath, now, graceMs, by }: Parameters<EntryRecords['deleteEntry']>[0]
): ReturnType<EntryRecords['deleteEntry']> {
  const entry = uuidBytes(id)
  const deleted = await endEntry(db, entry, { now, graceMs, version, basePath, by })
  if (!deleted && (version !== undefined || basePath !== undefined)) {
    const why = await whyNotChanged(db, entry)
    if (hasCode(why, 'version-conflict')) throw why
  }
  return { deleted, owner: await ownerOf(db, entry), links: await revokedShares(db, entry) }
}

/** @throws `file-unknown` */
async function ownerOf(db: Kysely<Schema>, entry: Uint8Array): Promise<UserId> {
  const known = await db.selectFrom('entries').select('owner').where('id', '=', entry).executeTakeFirst()
  if (known === undefined) throw new PeerbinError('file-unknown')
  return userOf(known.owner)
}

interface Ending {
  now: number
  graceMs: number
  isExpired?: boolean
  version?: number | undefined
  basePath?: string | undefined
  by?: UserId | undefined
}

/** False when it has ended already; with `isExpired` also when its time has not come, or no longer, with `version` when another one counts, and with `basePath` when it is somewhere else. */
export async function endEntry(
  db: Kysely<Schema>,
  entry: Uint8Array,
  { now, graceMs, isExpired = false, version, basePath, by }: Ending
): Promise<boolean> {
  const place = basePath === undefined ? undefined : placeOf(basePath)
  const deleted = await db
    .updateTable('entries')
    .set({ state: 'deleted', ended_at: now })
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .$if(isExpired, (query) => query.where('expires_at', '<=', now))
    .$if(version !== undefined, (query) => query.where('shown', '=', version ?? 0))
    .$if(place !== undefined, (query) =>
      query.where('folder', '=', place?.folder ?? '').where('name', '=', place?.name ?? '')
    )
    .returning(['owner', 'path'])
    .executeTakeFirst()
  if (deleted === undefined) return false
  await noteFile(db, entry, { type: isExpired ? 'file.expired' : 'file.removed', at: now, by })
  await releasePath(db, deleted.owner, deleted.path)
  await revokeShares(db, entry, now)
  const versions = await db
    .selectFrom('versions')
    .select(['entry', 'number', 'file'])
    .where('entry', '=', entry)
    .where('drop_at', 'is', null)
    .execute()
  for (const version of versions) await dropVersion(db, version, now + graceMs)
  return true
}

/** One whose time has come is gone, whether or not that was noticed: what is uploaded to its path then must not go with it. */
export async function endExpiredAt(
  db: Kysely<Schema>,
  owner: Uint8Array,
  path: string,
  times: { now: number; graceMs: number }
): Promise<void> {
  const known = await findPath(db, owner, path)
  if (known !== undefined && known.entry !== null)
    await endEntry(db, known.entry, { ...times, isExpired: true })
}

async function revokeShares(db: Kysely<Schema>, entry: Uint8Array, now: number): Promise<void> {
  const links = await db
    .selectFrom('links')
    .select(['token', 'file'])
    .where('entry', '=', entry)
    .where('state', 'in', ['live', 'suspended'])
    .execute()
  for (const { token, file } of links) {
    await revokeNow(db, token, now)
    await uncount(db, file) // of a version that was dropped before
  }
}

async function revokedShares(
  db: Kysely<Schema>,
  entry: Uint8Array
): Promise<Awaited<ReturnType<EntryRecords['deleteEntry']>>['links']> {
  const links = await db
    .selectFrom('links')
    .select(['token', 'delete_hash'])
    .where('entry', '=', entry)
    .where('state', '=', 'revoked')
    .execute()
  return links
    .toSorted((a, b) => Buffer.compare(a.token, b.token))
    .map((link) => ({ tokenHash: hashOf(link.token), deleteHash: hashOf(link.delete_hash) }))
}

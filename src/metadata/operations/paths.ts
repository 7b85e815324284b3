/** Which paths of a user are taken: each is one row, so that of many who want one only one gets it, and no file is where a folder is. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { uuidBytes } from '../columns.ts'
import { foldersAbove, insideOf, placeOf } from '../entry-rules.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'

/** Of an entry, in bytes. */
type Id = Uint8Array

export const findPath = async (
  db: Kysely<Schema>,
  owner: Id,
  path: string
): Promise<{ entry: Id | null } | undefined> =>
  await db
    .selectFrom('paths')
    .select('entry')
    .where('owner', '=', owner)
    .where('key', '=', placeOf(path).key)
    .executeTakeFirst()

/** @throws `path-taken` by another file, `path-conflict` with a folder of that path or a file above */
export async function claimPath(db: Kysely<Schema>, owner: Id, path: string, entry: Id): Promise<void> {
  const { key, folder: parent } = placeOf(path)
  const inserted = await db
    .insertInto('paths')
    .values({ owner, key, parent, path, entry, children: 0 })
    .onConflict((oc) => oc.columns(['owner', 'key']).doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows !== 1n) {
    const known = await findPath(db, owner, path)
    throw new PeerbinError(known?.entry === null ? 'path-conflict' : 'path-taken')
  }
  for (const folder of foldersAbove(path)) {
    const children = await addChild(db, owner, folder)
    if (children > 1) return // it was there, and so is all above it
  }
}

async function addChild(db: Kysely<Schema>, owner: Id, folder: string): Promise<number> {
  const { key, folder: parent } = placeOf(folder)
  const row = await db
    .insertInto('paths')
    .values({ owner, key, parent, path: folder, entry: null, children: 1 })
    .onConflict((oc) =>
      oc
        .columns(['owner', 'key'])
        .doUpdateSet((eb) => ({ children: eb('paths.children', '+', 1) }))
        .where('paths.entry', 'is', null)
    )
    .returning('children')
    .executeTakeFirst()
  if (row === undefined) throw new PeerbinError('path-conflict')
  return row.children
}

/** A folder goes with the last that was in it. */
export async function releasePath(db: Kysely<Schema>, owner: Id, path: string): Promise<void> {
  await db.deleteFrom('paths').where('owner', '=', owner).where('key', '=', placeOf(path).key).execute()
  for (const folder of foldersAbove(path)) {
    const { key } = placeOf(folder)
    const row = await db
      .updateTable('paths')
      .set((eb) => ({ children: eb('children', '-', 1) }))
      .where('owner', '=', owner)
      .where('key', '=', key)
      .returning('children')
      .executeTakeFirst()
    if (row === undefined || row.children > 0) return
    await db.deleteFrom('paths').where('owner', '=', owner).where('key', '=', key).execute()
  }
}

/** Whether no file can be there: a folder is, or a file above. */
export async function isBlocked(db: Kysely<Schema>, owner: Id, path: string): Promise<boolean> {
  const known = await findPath(db, owner, path)
  if (known !== undefined) return known.entry === null
  for (const folder of foldersAbove(path)) {
    const above = await findPath(db, owner, folder)
    if (above !== undefined) return above.entry !== null // where a folder is, folders are above it
  }
  return false
}

/** Something in the folder of a row of `paths`, or below it, that has not expired: nearly always the first that is looked at. */
const unexpiredBelow = (now: number) =>
  sql<{
    id: Uint8Array
  }>`(select entries.id from entries where entries.owner = paths.owner and entries.state = ${LIVE}
    and entries.folder >= paths.key || '/' and entries.folder < paths.key || '0'
    and (entries.expires_at is null or entries.expires_at > ${now}))`

export async function listFolders(
  db: Kysely<Schema>,
  { owner, folder, after, limit, now }: Parameters<EntryRecords['listFolders']>[0]
): Promise<string[]> {
  const rows = await db
    .selectFrom('paths')
    .select('path')
    .where('owner', '=', uuidBytes(owner))
    .where('parent', '=', insideOf(folder))
    .where('entry', 'is', null)
    .$if(after !== undefined, (query) => query.where('key', '>', placeOf(after ?? '').key))
    .$if(now !== undefined, (query) => query.where((eb) => eb.exists(unexpiredBelow(now ?? 0))))
    .orderBy('key')
    .limit(limit)
    .execute()
  return rows.map(({ path }) => path)
}

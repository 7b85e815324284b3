/** Bytes that users' files take up, by whose they are: one row for each, changed with the uploads and files that it counts. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { SpaceKey, UploadSpace } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'

/** One conditional update, so that any number of uploads at once stay within the limit. @throws `space-full` */
export async function takeSpace(db: Kysely<Schema>, { key, bytes, bytesMax }: UploadSpace): Promise<void> {
  if (key !== 'anonymous') await makeSpace(db, key)
  const taken = await db
    .updateTable('spaces')
    .set((eb) => ({ bytes: eb('bytes', '+', bytes) }))
    .where('key', '=', key)
    .$if(bytesMax !== undefined, (query) => query.where('bytes', '<=', (bytesMax ?? 0) - bytes))
    .executeTakeFirst()
  if (taken.numUpdatedRows === 0n) throw new PeerbinError('space-full')
}

/** A user's space has a row from the first upload on. */
export async function makeSpace(db: Kysely<Schema>, key: SpaceKey): Promise<void> {
  await db
    .insertInto('spaces')
    .values({ key, bytes: 0 })
    .onConflict((oc) => oc.column('key').doNothing())
    .execute()
}

/** What was taken turns out to be more or less by so much. */
export async function changeSpace(db: Kysely<Schema>, key: SpaceKey, byBytes: number): Promise<void> {
  if (byBytes === 0) return
  await db
    .updateTable('spaces')
    .set((eb) => ({ bytes: eb('bytes', '+', byBytes) }))
    .where('key', '=', key)
    .execute()
}

export async function usedSpace(db: Kysely<Schema>, key: SpaceKey): Promise<number> {
  const row = await db.selectFrom('spaces').select('bytes').where('key', '=', key).executeTakeFirst()
  return row?.bytes ?? 0
}

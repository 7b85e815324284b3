/** Bytes that users' files take up, by whose they are: one row for each, changed with the uploads and files that it counts. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { SpaceKey, UploadSpace } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'

/** One conditional update, so that any number of uploads at once stay within the limit. @param freed bytes of the space that are about to be let go @throws `space-full` */
export async function takeSpace(
  db: Kysely<Schema>,
  { key, bytes, bytesMax, fromBlocks = false }: UploadSpace,
  freed = 0
): Promise<void> {
  // which blocks it takes the place of is known when it has them all: until then it is looked at, and takes nothing
  const counted = fromBlocks ? sql<number>`bytes - staged` : sql<number>`bytes - ${freed}`
  if (key !== 'anonymous') await makeSpace(db, key)
  const taken = await db
    .updateTable('spaces')
    .set((eb) => ({ bytes: eb('bytes', '+', fromBlocks ? 0 : bytes) }))
    .where('key', '=', key)
    .$if(bytesMax !== undefined, (query) => query.where(counted, '<=', (bytesMax ?? 0) - bytes))
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

export async function usedByUsers(db: Kysely<Schema>): Promise<number> {
  const { bytes } = await db
    .selectFrom('spaces')
    .select((eb) => eb.fn.sum<number | null>('bytes').as('bytes'))
    .where('key', '>=', 'user:' as SpaceKey)
    .where('key', '<', 'user;' as SpaceKey)
    .executeTakeFirstOrThrow()
  return bytes ?? 0
}

/** One more block. @throws `space-full`, `blocks-full` */
export async function takeStaged(
  db: Kysely<Schema>,
  key: SpaceKey,
  { bytes, bytesMax, blocksMax }: { bytes: number; bytesMax: number | undefined; blocksMax: number }
): Promise<void> {
  const taken = await db
    .updateTable('spaces')
    .set((eb) => ({
      bytes: eb('bytes', '+', bytes),
      staged: eb('staged', '+', bytes),
      blocks: eb('blocks', '+', 1)
    }))
    .where('key', '=', key)
    .where('blocks', '<', blocksMax)
    .$if(bytesMax !== undefined, (query) => query.where('bytes', '<=', (bytesMax ?? 0) - bytes))
    .executeTakeFirst()
  if (taken.numUpdatedRows === 1n) return
  const space = await db.selectFrom('spaces').select('blocks').where('key', '=', key).executeTakeFirst()
  throw new PeerbinError((space?.blocks ?? 0) >= blocksMax ? 'blocks-full' : 'space-full')
}

/** Blocks have come or gone. */
export async function changeStaged(
  db: Kysely<Schema>,
  key: SpaceKey,
  { bytes, blocks }: { bytes: number; blocks: number }
): Promise<void> {
  await db
    .updateTable('spaces')
    .set((eb) => ({
      bytes: eb('bytes', '+', bytes),
      staged: eb('staged', '+', bytes),
      blocks: eb('blocks', '+', blocks)
    }))
    .where('key', '=', key)
    .execute()
}

/** Bytes that each role of users takes up: one row for each, changed with the uploads and files that it counts. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { UploadSpace } from '../../metadata-store.ts'
import type { UserRole } from '../../types.ts'
import type { Schema } from '../schema.ts'

/** One conditional update, so that any number of uploads at once stay within the limit. @throws `space-full` */
export async function takeSpace(db: Kysely<Schema>, { role, bytes, bytesMax }: UploadSpace): Promise<void> {
  const taken = await db
    .updateTable('spaces')
    .set((eb) => ({ bytes: eb('bytes', '+', bytes) }))
    .where('role', '=', role)
    .$if(bytesMax !== undefined, (query) => query.where('bytes', '<=', (bytesMax ?? 0) - bytes))
    .executeTakeFirst()
  if (taken.numUpdatedRows === 0n) throw new PeerbinError('space-full')
}

/** What was taken turns out to be more or less by so much. */
export async function changeSpace(db: Kysely<Schema>, role: UserRole, byBytes: number): Promise<void> {
  if (byBytes === 0) return
  await db
    .updateTable('spaces')
    .set((eb) => ({ bytes: eb('bytes', '+', byBytes) }))
    .where('role', '=', role)
    .execute()
}

export async function usedSpace(db: Kysely<Schema>, role: UserRole): Promise<number> {
  const row = await db
    .selectFrom('spaces')
    .select('bytes')
    .where('role', '=', sql<UserRole>`${role}`)
    .executeTakeFirst()
  return row?.bytes ?? 0
}

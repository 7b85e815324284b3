import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { UploadFailure } from '../../metadata-store.ts'
import type { UploadId } from '../../types.ts'
import { encodeFailure, encodeMetadata, uuidBytes } from '../columns.ts'
import type { Opened } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { isBlocked } from './paths.ts'
import { entryAt, insertVersion, limitVersions, tell } from './versions.ts'

/** An upload that failed, where it would have gone; nothing where nothing can be. */
export async function addFailure(
  db: Kysely<Schema>,
  upload: UploadId,
  { owner, mediaType, metadata }: Opened,
  { code, attempts, now }: UploadFailure
): Promise<void> {
  if (owner === undefined) return
  const user = uuidBytes(owner.user)
  if (await isBlocked(db, user, owner.path)) return
  const entry = await entryAt(db, uuidBytes(upload), user, owner.path, now)
  const row = await db
    .updateTable('entries')
    .set({
      last: sql<number>`last + 1`,
      // what has content counts on, and the failure is told beside it
      shown: sql<number>`case when stored = 1 then shown else last + 1 end`,
      failed: sql<number>`case when stored = 1 then last + 1 else 0 end`
    })
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return // deleted at the same moment
  await insertVersion(db, row, {
    number: row.last,
    status: 'upload_failed',
    metadata: encodeMetadata(metadata),
    failure: encodeFailure({ code, mediaType }),
    uploaded_at: now,
    attempts
  })
  await limitVersions(db, row)
  await tell(db, row, row.last, now)
}

/** Share links that were made of users' files. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { ENTRY_SHARES_MAX } from '../../protocol/limits.ts'
import type { EntryId, SecretHash, ShareRecord } from '../../types.ts'
import { fileOf, hashBytes, hashOf, uuidBytes } from '../columns.ts'
import { nameOfPath } from '../entry-rules.ts'
import type { Schema } from '../schema.ts'
import { insertLink } from './commit.ts'
import { takeEntry } from './entries.ts'
import { noteLink } from './event-notes.ts'
import { fileOfLink, linkRecordOf, readLink } from './links.ts'
import { addUse, liveVersion } from './versions.ts'

type Shared = Awaited<ReturnType<EntryRecords['shareEntry']>>

export async function shareEntry(
  db: Kysely<Schema>,
  { id, version: number, link, now, by }: Parameters<EntryRecords['shareEntry']>[0]
): Promise<Shared> {
  // whoever deletes it at the same moment finds the link, or this finds no entry
  const { id: entry, shown, path } = await takeEntry(db, id)
  const before = await sharedBefore(db, entry, link)
  if (before !== undefined) return before
  const version = await liveVersion(db, entry, number ?? shown)
  if (version.file === null) throw new PeerbinError('upload-failed')
  const counted = await db
    .updateTable('entries')
    .set((eb) => ({ shares: eb('shares', '+', 1) }))
    .where('id', '=', entry)
    .where('shares', '<', ENTRY_SHARES_MAX)
    .executeTakeFirst()
  if (counted.numUpdatedRows !== 1n) throw new PeerbinError('shares-full')
  await addUse(db, version)
  // whoever follows the link is to find the file as it is called now
  await db
    .updateTable('files')
    .set({ name: nameOfPath(path) })
    .where('id', '=', version.file)
    .execute()
  const share = { entry, version: version.number }
  await insertLink(db, link, { file: fileOf(version.file), uploadedAt: now, share })
  const made = await sharedBefore(db, entry, link)
  if (made === undefined) throw new PeerbinError('internal', 'a link was not made')
  await noteLink(db, { ...share, file: version.file }, made.link, { type: 'file.shared', at: now, by })
  return made
}

async function sharedBefore(
  db: Kysely<Schema>,
  entry: Uint8Array,
  { tokenHash, deleteHash }: { tokenHash: SecretHash; deleteHash: SecretHash }
): Promise<Shared | undefined> {
  const row = await readLink(db, tokenHash)
  if (row === undefined || row.entry === null || row.version === null) return undefined
  if (Buffer.compare(row.entry, entry) !== 0 || hashOf(row.delete_hash) !== deleteHash) return undefined
  const link = linkRecordOf(row)
  return { link, file: await fileOfLink(db, link), version: row.version }
}

export async function listShares(
  db: Kysely<Schema>,
  id: EntryId,
  after: { createdAt: number; tokenHash: SecretHash } | undefined,
  limit: number
): Promise<ShareRecord[]> {
  const rows = await db
    .selectFrom('links')
    .selectAll()
    .where('entry', '=', uuidBytes(id))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(created_at, token) < (${after?.createdAt ?? 0}, ${hashBytes(after?.tokenHash ?? '')})`
      )
    )
    .orderBy('created_at', 'desc')
    .orderBy('token', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ link: linkRecordOf(row), version: row.version ?? 0 }))
}

/** At most ENTRY_SHARES_MAX rows are looked through. */
export async function findShare(
  db: Kysely<Schema>,
  id: EntryId,
  prefix: string
): Promise<{ tokenHash: SecretHash; deleteHash: SecretHash } | undefined> {
  const rows = await db
    .selectFrom('links')
    .select(['token', 'delete_hash'])
    .where('entry', '=', uuidBytes(id))
    .execute()
  const found = rows.find(({ token }) => hashOf(token).startsWith(prefix))
  return found && { tokenHash: hashOf(found.token), deleteHash: hashOf(found.delete_hash) }
}

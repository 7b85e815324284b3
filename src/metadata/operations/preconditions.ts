/** What a sender knows of a file, and wants changed only as long as it is so. The update of the entry's row decides; here is said why it was refused. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { CommitEntry } from '../../metadata-store.ts'
import { uuidBytes } from '../columns.ts'
import { versionConflict } from '../entry-rules.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { findPath } from './paths.ts'

/** Condition on an entry that is to get a version. */
export const baseHolds = ({ base = 0, baseEntry }: CommitEntry) => {
  if (base === 0) return sql<boolean>`stored = 0`
  const same = baseEntry === undefined ? sql`` : sql` and id = ${uuidBytes(baseEntry)}`
  return sql<boolean>`shown = ${base}${same}`
}

const shownOf = async (db: Kysely<Schema>, entry: Uint8Array) =>
  await db
    .selectFrom('entries')
    .select(['shown', 'stored'])
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .executeTakeFirst()

/** @throws `version-conflict` unless it is as the sender knows it; `path-conflict` */
export async function checkBase(db: Kysely<Schema>, commit: CommitEntry): Promise<void> {
  const { base, baseEntry, user, path } = commit
  if (base === undefined) return
  const known = await findPath(db, uuidBytes(user), path)
  if (known?.entry === null) throw new PeerbinError('path-conflict')
  const row = known && (await shownOf(db, known.entry))
  const isOther =
    known !== undefined && baseEntry !== undefined && Buffer.compare(known.entry, uuidBytes(baseEntry)) !== 0
  const holds = base === 0 ? row?.stored !== 1 : row?.shown === base && !isOther
  if (!holds) throw versionConflict(row?.stored === 1 ? row.shown : 0)
}

/** Why a change of an entry found no row, which may have rested on the version that counts. */
export async function whyNotChanged(db: Kysely<Schema>, entry: Uint8Array): Promise<PeerbinError> {
  const row = await shownOf(db, entry)
  return row === undefined ? new PeerbinError('file-unknown') : versionConflict(row.shown)
}

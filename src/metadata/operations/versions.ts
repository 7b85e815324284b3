/** Versions of users' files: made by commits and restores, recorded when uploads fail, ended by their owners. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { CommitEntry, EntryRecords, VersionRef } from '../../metadata-store.ts'
import { ENTRY_VERSIONS_MAX } from '../../protocol/limits.ts'
import type { EntryRecord, FileId, UserId } from '../../types.ts'
import { decodeFailure, encodeMetadata, entryOf, fileOf, userOf, uuidBytes } from '../columns.ts'
import { placeOf } from '../entry-rules.ts'
import type { EntriesTable, Schema, VersionsTable } from '../schema.ts'
import { ATTEMPTS_MAX, LIVE } from './chunks.ts'
import { laterOf, readEntry, takeEntry } from './entries.ts'
import { deleteEntry, dropVersion, endExpiredAt } from './entry-removal.ts'
import { claimPath, findPath } from './paths.ts'
import { baseHolds, checkBase } from './preconditions.ts'
import { noteFile } from './event-notes.ts'
import { assertNotSettled } from './pool-entries.ts'
import { noteStatus } from './status-changes.ts'

type Id = Uint8Array
type Request<Name extends keyof EntryRecords> = Parameters<EntryRecords[Name]>[0]

export const FAILED = sql<'upload_failed'>`'upload_failed'`

/** Content of a new version. */
export interface Content {
  id: FileId
  sizeBytes: number
  uploadedAt: number
}

/** @throws as claimPath; `upload-conflict` for an id that another one has */
async function makeEntry(db: Kysely<Schema>, id: Id, owner: Id, path: string, now: number): Promise<void> {
  const { folder, name } = placeOf(path)
  const inserted = await db
    .insertInto('entries')
    .values({
      id,
      owner,
      state: 'live',
      path,
      folder,
      name,
      last: 0,
      shown: 0,
      stored: 0,
      failed: 0,
      size: 0,
      shares: 0,
      created_at: now,
      changed_at: now,
      expires_at: null,
      ended_at: null
    })
    .onConflict((oc) => oc.column('id').doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows !== 1n) throw new PeerbinError('upload-conflict')
  await claimPath(db, owner, path, id)
}

/** Of the entry at a path, or of one that is made there. @throws `path-conflict` */
export async function entryAt(db: Kysely<Schema>, id: Id, owner: Id, path: string, now: number): Promise<Id> {
  const known = await findPath(db, owner, path)
  if (known === undefined) {
    await makeEntry(db, id, owner, path, now)
    return id
  }
  if (known.entry === null) throw new PeerbinError('path-conflict')
  return known.entry
}

/** @throws `path-conflict`, `path-taken` for `onlyNew`, `version-conflict` for a `base` */
export async function addVersion(
  db: Kysely<Schema>,
  commit: CommitEntry,
  file: Content
): Promise<VersionRef> {
  const { user, path, expiresAt, onlyNew = false, metadata, attempts = 1, graceMs = 0 } = commit
  const by = commit.by ?? user
  const now = file.uploadedAt
  await endExpiredAt(db, uuidBytes(user), path, { now, graceMs })
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    await checkBase(db, commit)
    const entry = await entryAt(db, uuidBytes(commit.id), uuidBytes(user), path, now)
    const row = await db
      .updateTable('entries')
      .set({
        last: sql<number>`last + 1`,
        shown: sql<number>`last + 1`,
        stored: 1,
        failed: 0,
        size: file.sizeBytes,
        changed_at: laterOf('changed_at', now),
        ...(expiresAt !== undefined && { expires_at: expiresAt })
      })
      .where('id', '=', entry)
      .where('state', '=', LIVE)
      .$if(onlyNew, (query) => query.where('stored', '=', 0))
      .$if(commit.base !== undefined, (query) => query.where(baseHolds(commit)))
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) {
      if (onlyNew && (await findPath(db, uuidBytes(user), path)) !== undefined) {
        await checkBase(db, commit)
        throw new PeerbinError('path-taken')
      }
      continue // it was deleted at the same moment
    }
    if (row.last > 1) await assertNotSettled(db, row.owner, path)
    await forgetFailures(db, entry, row.last)
    await insertVersion(db, row, {
      number: row.last,
      status: 'cached',
      file: uuidBytes(file.id),
      metadata: metadata === undefined ? null : encodeMetadata(metadata),
      uploaded_at: now,
      attempts
    })
    await limitVersions(db, row, { now, graceMs, by })
    const type = (await hadContent(db, row)) ? 'file.edited' : 'file.added'
    await noteFile(db, entry, { type, at: now, by })
    await tell(db, row, row.last, now)
    return { entry: entryOf(entry), version: row.last }
  }
  throw new PeerbinError('busy', 'a file came and went too often while a version of it was made')
}

/** Whether a version before the last one has content. */
async function hadContent(
  db: Kysely<Schema>,
  { id, last }: Pick<Selectable<EntriesTable>, 'id' | 'last'>
): Promise<boolean> {
  const earlier = await db
    .selectFrom('versions')
    .select('number')
    .where('entry', '=', id)
    .where('number', '<', last)
    .where('file', 'is not', null)
    .where('drop_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return earlier !== undefined
}

type NewVersion = Pick<Selectable<VersionsTable>, 'number' | 'status' | 'uploaded_at' | 'attempts'> &
  Partial<Selectable<VersionsTable>>

export async function insertVersion(
  db: Kysely<Schema>,
  { id: entry }: Pick<Selectable<EntriesTable>, 'id'>,
  version: NewVersion
): Promise<void> {
  await db
    .insertInto('versions')
    .values({ file: null, metadata: null, failure: null, checked: 0, drop_at: null, ...version, entry })
    .execute()
}

/** Records of uploads that failed, below a number. Answers how many. */
async function forgetFailures(db: Kysely<Schema>, entry: Id, below: number): Promise<number> {
  const forgotten = await db
    .deleteFrom('versions')
    .where('entry', '=', entry)
    .where('number', '<', below)
    .where('status', '=', FAILED)
    .executeTakeFirst()
  return Number(forgotten.numDeletedRows)
}

/** When, how long content is kept for those who are reading it, and who did it. */
interface Ending {
  now: number
  graceMs: number
  by?: UserId | undefined
}

/** Lets the oldest go of those that are too many. @param ending undefined: only records of failures, since a failure costs nothing that was stored */
export async function limitVersions(
  db: Kysely<Schema>,
  { id: entry, last, shown }: Selectable<EntriesTable>,
  ending?: Ending
): Promise<void> {
  if (last <= ENTRY_VERSIONS_MAX) return // numbers are not given twice, so there are no more versions
  const over = await db
    .selectFrom('versions')
    .select(['entry', 'number', 'file'])
    .where('entry', '=', entry)
    .where('drop_at', 'is', null)
    .orderBy('number', 'desc')
    .limit(ENTRY_VERSIONS_MAX)
    .offset(ENTRY_VERSIONS_MAX)
    .execute()
  for (const version of over)
    if (version.number !== shown)
      if (version.file === null) await dropVersion(db, version, 0)
      else if (ending !== undefined) await removeVersion(db, version, ending)
}

/** As dropVersion, and says so. */
async function removeVersion(
  db: Kysely<Schema>,
  version: Pick<Selectable<VersionsTable>, 'entry' | 'number' | 'file'>,
  { now, graceMs, by }: Ending
): Promise<void> {
  await noteFile(db, version.entry, { type: 'version.removed', at: now, by, version: version.number })
  await dropVersion(db, version, now + graceMs)
}

/** Says what has become of a version. */
export async function tell(
  db: Kysely<Schema>,
  { id, owner, path }: Pick<Selectable<EntriesTable>, 'id' | 'owner' | 'path'>,
  number: number,
  at: number
): Promise<void> {
  const version = await db
    .selectFrom('versions')
    .leftJoin('files', 'files.id', 'versions.file')
    .select(['versions.status', 'versions.file', 'versions.failure', 'versions.attempts', 'files.size'])
    .where('versions.entry', '=', id)
    .where('versions.number', '=', number)
    .executeTakeFirstOrThrow()
  await noteStatus(db, {
    owner: userOf(owner),
    entry: entryOf(id),
    version: number,
    path,
    file: version.file === null ? null : fileOf(version.file),
    sizeBytes: version.size ?? 0,
    status: version.status,
    code: version.failure === null ? null : decodeFailure(version.failure).code,
    attempts: version.attempts,
    at
  })
}

/** One that has not ended. @throws `version-unknown` */
export async function liveVersion(
  db: Kysely<Schema>,
  entry: Id,
  number: number
): Promise<Selectable<VersionsTable>> {
  const version = await db
    .selectFrom('versions')
    .selectAll()
    .where('entry', '=', entry)
    .where('number', '=', number)
    .where('drop_at', 'is', null)
    .executeTakeFirst()
  if (version === undefined) throw new PeerbinError('version-unknown')
  return version
}

/** One more reference on its content, as long as there is one. @throws `upload-failed` for a version without, `version-unknown` for content that is gone */
export async function addUse(
  db: Kysely<Schema>,
  { file }: Pick<Selectable<VersionsTable>, 'file'>
): Promise<number> {
  if (file === null) throw new PeerbinError('upload-failed')
  const used = await db
    .updateTable('files')
    .set((eb) => ({ links: eb('links', '+', 1), link_rows: eb('link_rows', '+', 1) }))
    .where('id', '=', file)
    .where('state', '=', LIVE)
    .where('counted', '=', 1) // all that is left of it is not in grace
    .returning('size')
    .executeTakeFirst()
  if (used === undefined) throw new PeerbinError('version-unknown')
  return used.size
}

export async function restoreVersion(
  db: Kysely<Schema>,
  { id, version: number, now, graceMs, by }: Request<'restoreVersion'>
): Promise<EntryRecord> {
  const { id: entry, shown } = await takeEntry(db, id)
  const version = await liveVersion(db, entry, number)
  if (version.file === null) throw new PeerbinError('upload-failed')
  const current = await liveVersion(db, entry, shown)
  if (current.file !== null && Buffer.compare(current.file, version.file) === 0)
    return await readEntry(db, id)
  const size = await addUse(db, version)
  const row = await db
    .updateTable('entries')
    .set({
      last: sql<number>`last + 1`,
      shown: sql<number>`last + 1`,
      stored: 1,
      failed: 0,
      size,
      changed_at: now
    })
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new PeerbinError('file-unknown') // deleted at the same moment
  await insertVersion(db, row, { ...version, number: row.last })
  await limitVersions(db, row, { now, graceMs, by })
  await noteFile(db, entry, { type: 'file.edited', at: now, by })
  return await readEntry(db, id)
}

/** Versions that have not ended, the newest first. */
export const versionsOf = async (db: Kysely<Schema>, entry: Id) =>
  await db
    .selectFrom('versions')
    .leftJoin('files', 'files.id', 'versions.file')
    .select(['versions.entry', 'versions.number', 'versions.file', 'files.size'])
    .where('versions.entry', '=', entry)
    .where('versions.drop_at', 'is', null)
    .orderBy('versions.number', 'desc')
    .execute()

export async function deleteVersion(
  db: Kysely<Schema>,
  { id, version: number, now, graceMs, by }: Request<'deleteVersion'>
): Promise<EntryRecord | undefined> {
  const taken = await takeEntry(db, id)
  const entry = taken.id
  const version = await liveVersion(db, entry, number)
  const left = (await versionsOf(db, entry)).filter((each) => each.number !== number)
  if (left.length === 0) {
    await deleteEntry(db, { id, now, graceMs, by })
    return undefined
  }
  await removeVersion(db, version, { now, graceMs, by })
  await showNewest(db, taken, left, now)
  if (number === taken.shown) await noteFile(db, entry, { type: 'file.edited', at: now, by })
  return await readEntry(db, id)
}

/** Of what is left the newest with content counts, or the newest that failed; but what counted goes on. @param left the newest first, not empty */
export async function showNewest(
  db: Kysely<Schema>,
  { id: entry, shown: before }: Pick<Selectable<EntriesTable>, 'id' | 'shown'>,
  left: ReadonlyArray<{ number: number; file: Id | null; size: number | null }>,
  now?: number
): Promise<void> {
  const [newest] = left
  const stored = left.filter(({ file }) => file !== null)
  const shown = stored.find(({ number }) => number === before) ?? stored[0] ?? newest
  if (newest === undefined || shown === undefined) return
  await db
    .updateTable('entries')
    .set({
      shown: shown.number,
      stored: shown.file === null ? 0 : 1,
      failed: left.find(({ number, file }) => file === null && number > shown.number)?.number ?? 0,
      size: shown.size ?? 0,
      ...(now !== undefined && { changed_at: now })
    })
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .execute()
}

export async function pruneVersions(
  db: Kysely<Schema>,
  { id, keep, now, graceMs, by }: Request<'pruneVersions'>
): Promise<number> {
  const { id: entry, shown } = await takeEntry(db, id)
  const stored = (await versionsOf(db, entry)).filter(({ file }) => file !== null)
  const isKept = (number: number, index: number): boolean => index < keep || number === shown
  const kept = stored.filter(({ number }, i) => isKept(number, i))
  const over = stored.filter(({ number }, i) => !isKept(number, i))
  for (const version of over) await removeVersion(db, version, { now, graceMs, by })
  if (over.length > 0)
    await db.updateTable('entries').set({ changed_at: now }).where('id', '=', entry).execute()
  return over.length + (await forgetFailures(db, entry, kept.at(-1)?.number ?? 0))
}

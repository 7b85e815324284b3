/** Users' files as they are read: one by one, and in pages. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import type { EntryId, EntryRecord, UserId, VersionRecord } from '../../types.ts'
import {
  decodeFailure,
  decodeMetadata,
  encodeMetadata,
  encryptionOf,
  entryOf,
  fileOf,
  hexOf,
  userOf,
  uuidBytes
} from '../columns.ts'
import { isAt, placeOf, versionConflict } from '../entry-rules.ts'
import type { EntriesTable, FilesTable, Schema, VersionsTable } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { changeData } from '../event-facts.ts'
import { noteFile } from './event-notes.ts'
import { claimPath, findPath, isBlocked, releasePath } from './paths.ts'
import { whyNotChanged } from './preconditions.ts'

type Content = Pick<
  Selectable<FilesTable>,
  'size' | 'index_bytes' | 'encryption' | 'media_type' | 'sha256' | 'chunk_count'
> & { own_metadata: string }
type VersionColumns = Pick<
  Selectable<VersionsTable>,
  'number' | 'status' | 'file' | 'metadata' | 'failure' | 'uploaded_at' | 'attempts'
>

/** A version and its content, where it has any. */
function versionOf(row: VersionColumns & { [Key in keyof Content]: Content[Key] | null }): VersionRecord {
  const { number, status, attempts, uploaded_at: uploadedAt } = row
  const failure = row.failure === null ? null : decodeFailure(row.failure)
  const metadata = row.metadata ?? row.own_metadata
  return {
    number,
    status,
    file: row.file === null ? null : fileOf(row.file),
    uploadedAt,
    sizeBytes: row.size ?? 0,
    indexBytes: row.index_bytes ?? 0,
    encryption: encryptionOf(row.encryption),
    mediaType: row.media_type ?? failure?.mediaType ?? 'application/octet-stream',
    sha256: row.sha256 === null ? null : hexOf(row.sha256),
    metadata: metadata === null ? {} : decodeMetadata(metadata),
    chunkCount: row.chunk_count ?? 0,
    code: failure?.code ?? null,
    attempts
  }
}

const CONTENT = [
  'files.size',
  'files.index_bytes',
  'files.encryption',
  'files.media_type',
  'files.sha256',
  'files.chunk_count',
  'files.metadata as own_metadata'
] as const

const versionQuery = (db: Kysely<Schema>, entry: Uint8Array) =>
  db
    .selectFrom('versions')
    .leftJoin('files', 'files.id', 'versions.file')
    .select([
      'versions.number',
      'versions.status',
      'versions.file',
      'versions.metadata',
      'versions.failure',
      'versions.uploaded_at',
      'versions.attempts',
      ...CONTENT
    ])
    .where('versions.entry', '=', entry)
    .where('versions.drop_at', 'is', null)

/** Live entries, with the version that counts, and the one that failed after it. */
export const entryQuery = (db: Kysely<Schema>) =>
  db
    .selectFrom('entries')
    .leftJoin('versions', (join) =>
      join.onRef('versions.entry', '=', 'entries.id').onRef('versions.number', '=', 'entries.shown')
    )
    .leftJoin('files', 'files.id', 'versions.file')
    .leftJoin('versions as failed', (join) =>
      join.onRef('failed.entry', '=', 'entries.id').onRef('failed.number', '=', 'entries.failed')
    )
    .select([
      'entries.id',
      'entries.owner',
      'entries.path',
      'entries.created_at',
      'entries.changed_at',
      'entries.expires_at',
      'versions.number',
      'versions.status',
      'versions.file',
      'versions.metadata',
      'versions.failure',
      'versions.uploaded_at',
      'versions.attempts',
      ...CONTENT,
      'failed.number as failed_number',
      'failed.status as failed_status',
      'failed.metadata as failed_metadata',
      'failed.failure as failed_failure',
      'failed.uploaded_at as failed_at',
      'failed.attempts as failed_attempts'
    ])
    .where('entries.state', '=', LIVE)

type EntryRow = Awaited<ReturnType<ReturnType<typeof entryQuery>['executeTakeFirstOrThrow']>>

const NOTHING = {
  file: null,
  size: null,
  index_bytes: null,
  encryption: null,
  media_type: null,
  sha256: null,
  chunk_count: null,
  own_metadata: null
} as const

export function entryRecordOf(row: EntryRow): EntryRecord {
  const { number, status, uploaded_at, attempts } = row
  if (number === null || status === null || uploaded_at === null || attempts === null)
    throw new PeerbinError('internal', 'an entry without a version')
  return {
    id: entryOf(row.id),
    owner: userOf(row.owner),
    path: row.path,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    expiresAt: row.expires_at,
    current: versionOf({ ...row, number, status, uploaded_at, attempts }),
    failed: failedOf(row)
  }
}

function failedOf(row: EntryRow): VersionRecord | null {
  const { failed_number, failed_status, failed_at, failed_attempts } = row
  if (failed_number === null || failed_status === null || failed_at === null || failed_attempts === null)
    return null
  return versionOf({
    ...NOTHING,
    number: failed_number,
    status: failed_status,
    uploaded_at: failed_at,
    attempts: failed_attempts,
    metadata: row.failed_metadata,
    failure: row.failed_failure
  })
}

export async function getEntry(db: Kysely<Schema>, id: EntryId): Promise<EntryRecord | undefined> {
  const row = await entryQuery(db).where('entries.id', '=', uuidBytes(id)).executeTakeFirst()
  return row && entryRecordOf(row)
}

/**
 * An entry whose row is taken: whoever else would change the entry waits, so that what is read of it from then on is how it is.
 * @throws `file-unknown`
 */
export async function takeEntry(db: Kysely<Schema>, id: EntryId): Promise<Selectable<EntriesTable>> {
  const row = await db
    .updateTable('entries')
    .set((eb) => ({ last: eb.ref('last') }))
    .where('id', '=', uuidBytes(id))
    .where('state', '=', LIVE)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new PeerbinError('file-unknown')
  return row
}

/** @throws `file-unknown` */
export async function readEntry(db: Kysely<Schema>, id: EntryId): Promise<EntryRecord> {
  const entry = await getEntry(db, id)
  if (entry === undefined) throw new PeerbinError('file-unknown')
  return entry
}

export async function findEntry(
  db: Kysely<Schema>,
  owner: UserId,
  path: string
): ReturnType<EntryRecords['findEntry']> {
  const known = await findPath(db, uuidBytes(owner), path)
  if (known === undefined || known.entry === null)
    return { entry: undefined, next: 1, isBlocked: await isBlocked(db, uuidBytes(owner), path) }
  const row = await entryQuery(db)
    .select('entries.last')
    .where('entries.id', '=', known.entry)
    .executeTakeFirst()
  return { entry: row && entryRecordOf(row), next: (row?.last ?? 0) + 1, isBlocked: false }
}

export async function getVersion(
  db: Kysely<Schema>,
  id: EntryId,
  version: number
): Promise<VersionRecord | undefined> {
  if ((await getEntry(db, id)) === undefined) return undefined
  const row = await versionQuery(db, uuidBytes(id)).where('number', '=', version).executeTakeFirst()
  return row && versionOf(row)
}

export async function listVersions(
  db: Kysely<Schema>,
  id: EntryId,
  before: number | undefined,
  limit: number
): Promise<VersionRecord[]> {
  if ((await getEntry(db, id)) === undefined) return []
  const rows = await versionQuery(db, uuidBytes(id))
    .$if(before !== undefined, (query) => query.where('number', '<', before ?? 0))
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
  return rows.map(versionOf)
}

export async function moveEntry(
  db: Kysely<Schema>,
  { id, version, basePath, path, now, by }: Parameters<EntryRecords['moveEntry']>[0]
): Promise<EntryRecord> {
  const { id: entry, owner, path: before, shown } = await takeEntry(db, id)
  if (version !== undefined && version !== shown) throw versionConflict(shown)
  if (path === before) return await readEntry(db, id)
  if (!isAt(before, basePath)) throw versionConflict(shown)
  await releasePath(db, owner, before)
  await claimPath(db, owner, path, entry) // if it cannot be had, all of it is taken back
  const { folder, name } = placeOf(path)
  await db
    .updateTable('entries')
    .set({ path, folder, name, changed_at: now })
    .where('id', '=', entry)
    .where('state', '=', LIVE)
    .execute()
  await noteFile(db, entry, { type: 'file.moved', at: now, by, more: { old_path: before } })
  return await readEntry(db, id)
}

export async function changeEntry(
  db: Kysely<Schema>,
  { id, version, metadata, expiresAt, now, by }: Parameters<EntryRecords['changeEntry']>[0]
): Promise<EntryRecord> {
  const changed = await db
    .updateTable('entries')
    .set({ changed_at: now, ...(expiresAt !== undefined && { expires_at: expiresAt }) })
    .where('id', '=', uuidBytes(id))
    .where('state', '=', LIVE)
    .$if(version !== undefined, (query) => query.where('shown', '=', version ?? 0))
    .returning(['id', 'shown', 'expires_at'])
    .executeTakeFirst()
  if (changed === undefined) throw await whyNotChanged(db, uuidBytes(id))
  if (metadata !== undefined)
    await db
      .updateTable('versions')
      .set({ metadata: encodeMetadata(metadata) })
      .where('entry', '=', changed.id)
      .where('number', '=', changed.shown)
      .execute()
  const more = changeData({ metadata, expiresAt: changed.expires_at })
  await noteFile(db, changed.id, { type: 'file.changed', at: now, by, more })
  return await readEntry(db, id)
}

/** The later of what is stored and this. */
export const laterOf = (column: 'changed_at', at: number) =>
  sql<number>`case when ${sql.ref(column)} > ${at} then ${sql.ref(column)} else ${at} end`

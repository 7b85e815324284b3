/** Uploads that go on later: what is kept of them, and who goes on. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type {
  CheckpointUpload,
  CopiesRule,
  CopyRecord,
  FoundUpload,
  ResumeUpload,
  ResumedUpload,
  UploadOffset
} from '../../metadata-store.ts'
import type { FileChunk, UploadId } from '../../types.ts'
import { decodeOpened, uuidBytes, entryOf, fileOf } from '../columns.ts'
import { ABANDONED_PIECES_MAX, PREFIX_PAGE_ROWS } from '../limits.ts'
import type { Schema } from '../schema.ts'
import { removeReferences } from './chunks.ts'
import { placedPage } from './files.ts'
import { lacksCopies } from './lacking.ts'
import { NOBODY, OPEN, whyNotOpen } from './uploads.ts'

interface Kept {
  holder: number
  kept_count: number
  kept_bytes: number
  held: number
}

/** What was kept before, and the pieces after it that have their copies now. */
async function offsetOf(db: Kysely<Schema>, kept: Kept, rule: CopiesRule): Promise<UploadOffset> {
  const offset = { chunkCount: kept.kept_count, sizeBytes: kept.kept_bytes }
  if (kept.held === 1) return offset
  const lacks = await lacksCopies(db, rule)
  for (;;) {
    const page = await db
      .selectFrom('pieces')
      .select(['idx', 'size', lacks.as('lacks')])
      .where('holder', '=', kept.holder)
      .where('idx', '>=', offset.chunkCount)
      .orderBy('idx')
      .limit(PREFIX_PAGE_ROWS)
      .execute()
    for (const { idx, size, lacks: isLacking } of page) {
      if (idx !== offset.chunkCount || Boolean(isLacking)) return offset
      offset.chunkCount++
      offset.sizeBytes += size
    }
    if (page.length < PREFIX_PAGE_ROWS) return offset
  }
}

/** The version of a user's file. */
async function becameOf(
  db: Kysely<Schema>,
  { file, entry, version }: { file: Uint8Array | null; entry: Uint8Array | null; version: number | null }
) {
  if (file === null || entry === null || version === null) return {}
  const known = await db.selectFrom('files').select('size').where('id', '=', file).executeTakeFirst()
  return { file: fileOf(file), entry: entryOf(entry), version, sizeBytes: known?.size }
}

export async function findUpload(
  db: Kysely<Schema>,
  upload: UploadId,
  rule: CopiesRule
): Promise<FoundUpload | undefined> {
  const row = await db
    .selectFrom('uploads')
    .select(['state', 'record', 'plan', 'expires_at', 'holder', 'kept_count', 'kept_bytes', 'held'])
    .select(['file', 'entry', 'version'])
    .where('id', '=', uuidBytes(upload))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { state, record, plan } = row
  if (state !== 'open') return { state, ...(await becameOf(db, row)) }
  if (plan === null || record === null) return undefined
  const offset = await offsetOf(db, row, rule)
  const { name, mediaType } = decodeOpened(record)
  const more = await db
    .selectFrom('pieces')
    .select('idx')
    .where('holder', '=', row.holder)
    .where('idx', '>=', offset.chunkCount)
    .limit(1)
    .executeTakeFirst()
  return { state, name, mediaType, plan, expiresAt: row.expires_at, hasMore: more !== undefined, ...offset }
}

/** Takes the row of an open resumable upload, so that nothing comes between. */
async function takeRow(db: Kysely<Schema>, upload: UploadId) {
  const id = uuidBytes(upload)
  const row = await db
    .updateTable('uploads')
    .set((eb) => ({ reservations: eb('reservations', '+', 1) }))
    .where('id', '=', id)
    .where('state', '=', OPEN)
    .where('plan', 'is not', null)
    .returning(['holder', 'writer', 'checkpoint', 'kept_count', 'kept_bytes', 'held', 'expires_at'])
    .executeTakeFirst()
  if (row !== undefined) return row
  const closed = await whyNotOpen(db, id)
  const known = await db.selectFrom('uploads').select('state').where('id', '=', id).executeTakeFirst()
  throw known?.state === 'open' ? new PeerbinError('upload-unknown') : closed
}

export async function resumeUpload(db: Kysely<Schema>, request: ResumeUpload): Promise<ResumedUpload> {
  const { upload, writer, held, rule } = request
  const row = await takeRow(db, upload)
  const { checkpoint, expires_at: expiresAt } = row
  const offset = await offsetOf(db, row, rule)
  const answer = { ...offset, checkpoint, expiresAt }
  if (row.writer === writer) return { ...answer, isLast: true }
  const isLast = await dropBehind(db, row.holder, offset.chunkCount)
  await db
    .updateTable('uploads')
    .set({
      kept_count: offset.chunkCount,
      kept_bytes: offset.sizeBytes,
      // until the last of what does not count is gone it must not begin to count
      ...(isLast ? { writer, held: held ? 1 : 0 } : { writer: NOBODY })
    })
    .where('id', '=', uuidBytes(upload))
    .execute()
  return { ...answer, isLast }
}

/** Drops pieces from `from` on and the manifest's, the last ones first, so that no gap is left. Says whether none remains. */
async function dropBehind(db: Kysely<Schema>, holder: number, from: number): Promise<boolean> {
  const behind = await db
    .selectFrom('pieces')
    .select('idx')
    .where('holder', '=', holder)
    .where('idx', '>=', from)
    .orderBy('idx', 'desc')
    .limit(ABANDONED_PIECES_MAX + 1)
    .execute()
  const isLast = behind.length <= ABANDONED_PIECES_MAX
  const first = isLast ? from : (behind[ABANDONED_PIECES_MAX - 1]?.idx ?? from)
  const gone = await db
    .deleteFrom('pieces')
    .where('holder', '=', holder)
    .where((eb) => eb.or([eb('idx', '>=', first), eb('idx', '=', MANIFEST_INDEX)]))
    .returning('digest')
    .execute()
  await removeReferences(
    db,
    gone.map(({ digest }) => digest)
  )
  return isLast
}

export async function checkpointUpload(
  db: Kysely<Schema>,
  request: CheckpointUpload
): Promise<UploadOffset & { expiresAt: number }> {
  const { upload, writer, chunkCount, checkpoint, rule } = request
  const row = await takeRow(db, upload)
  if (row.writer !== writer) throw new PeerbinError('upload-conflict', 'somebody else writes it')
  const offset = await offsetOf(db, { ...row, held: 0 }, rule)
  const expiresAt = Math.max(row.expires_at, request.expiresAt)
  await db
    .updateTable('uploads')
    .set({
      kept_count: offset.chunkCount,
      kept_bytes: offset.sizeBytes,
      held: 0,
      expires_at: expiresAt,
      // one that goes further than what is kept could not be used
      ...(offset.chunkCount >= chunkCount && { checkpoint })
    })
    .where('id', '=', uuidBytes(upload))
    .execute()
  return { ...offset, expiresAt }
}

export async function listUploadChunks(
  db: Kysely<Schema>,
  upload: UploadId,
  from: number,
  limit: number
): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>> {
  const row = await db
    .selectFrom('uploads')
    .select('holder')
    .where('id', '=', uuidBytes(upload))
    .where('state', '=', OPEN)
    .executeTakeFirst()
  return row === undefined ? [] : await placedPage(db, row.holder, from, limit)
}

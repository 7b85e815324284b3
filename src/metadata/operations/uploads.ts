import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type {
  OpenUpload,
  Reservation,
  ReserveChunk,
  SpaceKey,
  UploadFailure,
  UploadSpace
} from '../../metadata-store.ts'
import type { Generation, UploadId } from '../../types.ts'
import { chunkBytes, decodeOpened, encodeOpened, pieceMark, uploadOf, uuidBytes } from '../columns.ts'
import type { Opened } from '../columns.ts'
import { ABANDONED_PIECES_MAX } from '../limits.ts'
import type { Schema } from '../schema.ts'
import { addReference, copiesByDigest } from './chunks.ts'
import { nextNumber, readNumber } from './counters.ts'
import { dropPieces } from './pieces.ts'
import { changeSpace, takeSpace } from './space.ts'
import { addFailure } from './failed-uploads.ts'

const NO_SPACE: UploadSpace = { key: 'anonymous', bytes: 0, bytesMax: undefined }
export const OPEN = sql<'open'>`'open'`
/** Writer of a resumable upload that nobody has taken over yet; of others it is null. */
export const NOBODY = ''
/** Columns of an upload that has ended: its plan holds what a link was to be protected by. */
export const NOTHING_TO_RESUME = { plan: null, writer: null, checkpoint: null } as const
export const ABANDONED = sql<'abandoned'>`'abandoned'`

export async function openUpload(db: Kysely<Schema>, upload: OpenUpload): Promise<void> {
  const id = uuidBytes(upload.id)
  const known = await db.selectFrom('uploads').select('state').where('id', '=', id).executeTakeFirst()
  if (known === undefined) {
    const holder = await nextNumber(db, 'holder')
    const { openedAt, expiresAt, space = NO_SPACE } = upload
    const inserted = await db
      .insertInto('uploads')
      .values({
        id,
        holder,
        state: 'open',
        reservations: 0,
        opened_at: openedAt,
        expires_at: expiresAt,
        record: encodeOpened(upload),
        space: space.key,
        reserved: space.fromBlocks === true ? 0 : space.bytes,
        plan: upload.plan ?? null,
        writer: upload.plan === undefined ? null : NOBODY
      })
      .onConflict((oc) => oc.column('id').doNothing())
      .executeTakeFirst()
    if (inserted.numInsertedOrUpdatedRows === 1n) return await takeSpace(db, space) // fails as a whole
    await openHolder(db, id, expiresAt) // somebody else was first: it must be open still
  } else if (known.state !== 'open') throw new PeerbinError('upload-closed')
}

/** Takes the row of an open upload, so that neither commit nor abandon comes between; answers its holder number. @param expiresAt not before this */
export async function openHolder(
  db: Kysely<Schema>,
  id: Uint8Array,
  expiresAt: number
): Promise<{ holder: number; writer: string | null; space: SpaceKey }> {
  const taken = await db
    .updateTable('uploads')
    .set((eb) => ({
      reservations: eb('reservations', '+', 1),
      expires_at: sql<number>`case when expires_at > ${expiresAt} then expires_at else ${expiresAt} end`
    }))
    .where('id', '=', id)
    .where('state', '=', OPEN)
    .returning(['holder', 'writer', 'space'])
    .executeTakeFirst()
  if (taken !== undefined) return taken
  throw await whyNotOpen(db, id)
}

export async function whyNotOpen(db: Kysely<Schema>, id: Uint8Array): Promise<PeerbinError> {
  const known = await db.selectFrom('uploads').select('state').where('id', '=', id).executeTakeFirst()
  return new PeerbinError(known === undefined ? 'upload-unknown' : 'upload-closed')
}

export async function reserveChunk(db: Kysely<Schema>, request: ReserveChunk): Promise<Reservation> {
  const { holder, writer, space } = await openHolder(db, uuidBytes(request.upload), request.expiresAt)
  if (writer !== (request.writer ?? null))
    throw new PeerbinError('upload-conflict', 'somebody else writes it')
  const digest = chunkBytes(request.chunk)
  const { index: idx, sizeBytes: size } = request
  const piece = await db
    .selectFrom('pieces')
    .select(['digest', 'size', 'generation'])
    .where('holder', '=', holder)
    .where('idx', '=', idx)
    .executeTakeFirst()
  if (piece !== undefined && (Buffer.compare(piece.digest, digest) !== 0 || piece.size !== size))
    throw new PeerbinError('upload-conflict')
  // a piece holds its chunk alive, so the generation it was given is still the present one
  const generation = (piece?.generation ?? (await addReference(db, digest, size))) as Generation
  if (piece === undefined)
    await db
      .insertInto('pieces')
      .values({ holder, idx, digest, generation, size, mark: pieceMark(space, idx, digest) })
      .execute()
  const copies = await copiesByDigest(db, [digest])
  return { generation, copies: copies(digest) }
}

export async function abandonUpload(
  db: Kysely<Schema>,
  upload: UploadId,
  { staleAt, failure }: { staleAt?: number; failure?: UploadFailure | undefined } = {}
): Promise<boolean> {
  const id = uuidBytes(upload)
  const mark = await readNumber(db, 'time')
  const opened = failure && (await openedAs(db, id))
  const closed = { state: 'abandoned', ended_at: mark, record: null, ...NOTHING_TO_RESUME } as const
  const ended = await db
    .updateTable('uploads')
    .set({ ...closed, ended_at: endedAt(mark) })
    .where('id', '=', id)
    .where('state', '=', OPEN)
    .$if(staleAt !== undefined, (query) => query.where('expires_at', '<=', staleAt ?? 0))
    .returning(['holder', 'space', 'reserved'])
    .executeTakeFirst()
  if (ended !== undefined) {
    await changeSpace(db, ended.space, -ended.reserved)
    if (failure !== undefined && opened !== undefined) await addFailure(db, upload, opened, failure)
    const { isLast } = await dropPieces(db, ended.holder, ABANDONED_PIECES_MAX)
    if (isLast) await db.updateTable('uploads').set({ holder: 0 }).where('id', '=', id).execute()
    return true
  }
  await db
    .insertInto('uploads')
    .values({ id, holder: 0, reservations: 0, opened_at: 0, expires_at: 0, ...closed })
    .onConflict((oc) => oc.column('id').doNothing())
    .execute()
  const known = await db.selectFrom('uploads').select('state').where('id', '=', id).executeTakeFirstOrThrow()
  return known.state === 'abandoned'
}

/** What an open upload was opened as. */
async function openedAs(db: Kysely<Schema>, id: Uint8Array): Promise<Opened | undefined> {
  const row = await db
    .selectFrom('uploads')
    .select('record')
    .where('id', '=', id)
    .where('state', '=', OPEN)
    .executeTakeFirst()
  return typeof row?.record === 'string' ? decodeOpened(row.record) : undefined
}

/** An upload ends at the store's time, which may not have moved since it was opened. */
export const endedAt = (mark: number) =>
  sql<number>`case when opened_at > ${mark} then opened_at else ${mark} end`

export async function listStaleUploads(db: Kysely<Schema>, now: number, limit: number): Promise<UploadId[]> {
  const rows = await db
    .selectFrom('uploads')
    .select('id')
    .where('state', '=', OPEN)
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => uploadOf(id))
}

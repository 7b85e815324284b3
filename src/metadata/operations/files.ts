import type { Kysely, Selectable } from 'kysely'
import type { CopyRecord } from '../../metadata-store.ts'
import type { FileChunk, FileId, FileRecord, Generation } from '../../types.ts'
import { chunkOf, decodeMetadata, encryptionOf, fileOf, hexOf, uuidBytes } from '../columns.ts'
import type { FilesTable, Schema } from '../schema.ts'
import { copiesByDigest } from './chunks.ts'

const fileRecordOf = (row: Selectable<FilesTable>): FileRecord => ({
  id: fileOf(row.id),
  name: row.name,
  sizeBytes: row.size,
  indexBytes: row.index_bytes,
  encryption: encryptionOf(row.encryption),
  mediaType: row.media_type,
  sha256: hexOf(row.sha256),
  uploadedAt: row.uploaded_at,
  metadata: decodeMetadata(row.metadata),
  chunkCount: row.chunk_count,
  manifest: chunkOf(row.manifest),
  state: row.state
})

export async function getFile(db: Kysely<Schema>, id: FileId): Promise<FileRecord | undefined> {
  const row = await db.selectFrom('files').selectAll().where('id', '=', uuidBytes(id)).executeTakeFirst()
  return row === undefined ? undefined : fileRecordOf(row)
}

export async function listFileChunks(
  db: Kysely<Schema>,
  id: FileId,
  from: number,
  limit: number
): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>> {
  const file = await db
    .selectFrom('files')
    .select('holder')
    .where('id', '=', uuidBytes(id))
    .where('state', '=', 'live')
    .executeTakeFirst()
  return typeof file?.holder === 'number' ? await placedPage(db, file.holder, from, limit) : []
}

/** A page of a holder's pieces in order, without the manifest, with recorded copies. */
export async function placedPage(
  db: Kysely<Schema>,
  holder: number,
  from: number,
  limit: number
): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>> {
  const rows = await db
    .selectFrom('pieces')
    .select(['idx', 'digest', 'generation', 'size'])
    .where('holder', '=', holder)
    .where('idx', '>=', Math.max(0, from))
    .orderBy('idx')
    .limit(limit)
    .execute()
  const copies = await copiesByDigest(
    db,
    rows.map(({ digest }) => digest)
  )
  return rows.map(({ idx, digest, generation, size }) => ({
    index: idx,
    id: chunkOf(digest),
    sizeBytes: size,
    generation: generation as Generation,
    copies: copies(digest)
  }))
}

/** Rows of chunks as the records that go out, with the copies that count. */

import type { Kysely } from 'kysely'
import type { OwedChunk, PlacedChunkRecord } from '../../metadata-store.ts'
import type { Generation } from '../../types.ts'
import { chunkOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { copiesByDigest } from './chunks.ts'

interface ChunkRow {
  digest: Uint8Array
  generation: number
  size: number
}

async function withCopies<Row extends ChunkRow>(
  db: Kysely<Schema>,
  rows: readonly Row[]
): Promise<Array<OwedChunk & { row: Row }>> {
  const held = await copiesByDigest(
    db,
    rows.map(({ digest }) => digest)
  )
  return rows.map((row) => ({
    chunk: chunkOf(row.digest),
    generation: row.generation as Generation,
    sizeBytes: row.size,
    copies: held(row.digest),
    row
  }))
}

export const owedOf = async (db: Kysely<Schema>, rows: readonly ChunkRow[]): Promise<OwedChunk[]> =>
  (await withCopies(db, rows)).map(({ row: _row, ...owed }) => owed)

export async function placedOf(
  db: Kysely<Schema>,
  rows: ReadonlyArray<ChunkRow & { read_at: number; reads: number }>
): Promise<PlacedChunkRecord[]> {
  const chunks = await withCopies(db, rows)
  return chunks.map(({ row: { read_at: readAt, reads }, ...owed }) => ({ ...owed, readAt, reads }))
}

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { OwedChunk, PlacedChunkRecord, RepairRecords } from '../../metadata-store.ts'
import type { ChunkId } from '../../types.ts'
import { chunkBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { owedOf, placedOf } from './chunk-records.ts'
import { LIVE, removeCopy } from './chunks.ts'
import { findName, numbersOf } from './counters.ts'
import { inBoots } from './lacking.ts'

/** What the partial index `chunks_owed` covers: asking for more copies than this looks at every chunk. */
const COPIES_INDEXED = 3

export const owedChunks = (db: Kysely<Schema>, copies: number) =>
  db
    .selectFrom('chunks')
    .where('state', '=', LIVE)
    .where('refs', '>', sql.lit(0))
    .where('copies', '<', copies)
    .$if(copies <= COPIES_INDEXED, (query) => query.where('copies', '<', sql.lit(COPIES_INDEXED)))

export async function listOwed(
  db: Kysely<Schema>,
  copies: number,
  after: ChunkId | undefined,
  limit: number
): Promise<OwedChunk[]> {
  const rows = await owedChunks(db, copies)
    .select(['digest', 'generation', 'size'])
    .$if(after !== undefined, (query) =>
      after === undefined ? query : query.where('digest', '>', chunkBytes(after))
    )
    .orderBy('digest')
    .limit(limit)
    .execute()
  return await owedOf(db, rows)
}

const referencedChunks = (db: Kysely<Schema>) =>
  db
    .selectFrom('chunks')
    .select(['digest', 'generation', 'size', 'read_at', 'reads'])
    .where('state', '=', LIVE)
    .where('refs', '>', sql.lit(0))

/** Along the key: unreferenced chunks lie between the others, but are condemned soon. */
export async function listChunks(
  db: Kysely<Schema>,
  after: ChunkId | undefined,
  limit: number
): Promise<PlacedChunkRecord[]> {
  const rows = await referencedChunks(db)
    .where('digest', '>', after === undefined ? new Uint8Array(0) : chunkBytes(after))
    .orderBy('digest')
    .limit(limit)
    .execute()
  return await placedOf(db, rows)
}

export async function findChunk(db: Kysely<Schema>, chunk: ChunkId): Promise<PlacedChunkRecord | undefined> {
  const rows = await referencedChunks(db).where('digest', '=', chunkBytes(chunk)).execute()
  return (await placedOf(db, rows))[0]
}

export async function dropCopy(
  db: Kysely<Schema>,
  { peer, chunk, generation, boot }: Parameters<RepairRecords['dropCopy']>[0]
): Promise<void> {
  const no = await findName(db, peer)
  if (no === undefined) return
  const copy = { digest: chunkBytes(chunk), peer: no, generation }
  await removeCopy(db, boot === undefined ? copy : { ...copy, boot })
}

/** Taken off the count first: from then on the row is held, and two that trim the same chunk do not count on each other's copy. */
export async function trimCopy(
  db: Kysely<Schema>,
  { chunk, generation, peer, keep }: Parameters<RepairRecords['trimCopy']>[0]
): Promise<boolean> {
  if (keep.length === 0 || keep.some((kept) => kept.peer === peer)) return false
  const digest = chunkBytes(chunk)
  const counted = await addToCopies(db, digest, generation, -1)
  if (!counted) return false
  const areKept = await areRecorded(db, digest, generation, keep)
  const isRemoved = areKept && (await removeAt(db, digest, generation, await findName(db, peer)))
  if (!isRemoved) await addToCopies(db, digest, generation, 1)
  return areKept // one that was not recorded (any more) is forgotten all the same
}

/** False when the chunk is not live at that generation. */
async function addToCopies(
  db: Kysely<Schema>,
  digest: Uint8Array,
  generation: number,
  change: 1 | -1
): Promise<boolean> {
  const counted = await db
    .updateTable('chunks')
    .set((eb) => ({ copies: eb('copies', '+', change) }))
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .where('state', '=', LIVE)
    .executeTakeFirst()
  return counted.numUpdatedRows === 1n
}

async function areRecorded(
  db: Kysely<Schema>,
  digest: Uint8Array,
  generation: number,
  keep: Parameters<RepairRecords['trimCopy']>[0]['keep']
): Promise<boolean> {
  const boots = await numbersOf(db, keep)
  const kept = await db
    .selectFrom('copies')
    .select('peer')
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .where(inBoots(boots))
    .execute()
  return kept.length === new Set(keep.map((each) => `${each.peer} ${each.boot}`)).size
}

async function removeAt(
  db: Kysely<Schema>,
  digest: Uint8Array,
  generation: number,
  peer: number | undefined
): Promise<boolean> {
  if (peer === undefined) return false
  const removed = await db
    .deleteFrom('copies')
    .where('digest', '=', digest)
    .where('peer', '=', peer)
    .where('generation', '=', generation)
    .executeTakeFirst()
  return removed.numDeletedRows === 1n
}

/** Writes nothing for a chunk that was noted within the last step. */
export async function noteReads(
  db: Kysely<Schema>,
  chunks: readonly ChunkId[],
  { now, windowMs, stepMs }: Parameters<RepairRecords['noteReads']>[1]
): Promise<void> {
  // in one order everywhere, so that two readers of the same file do not wait for each other
  for (const digest of chunks.map(chunkBytes).toSorted((a, b) => Buffer.compare(a, b))) {
    await db
      .updateTable('chunks')
      .set({
        reads: sql<number>`case when read_at > ${now - windowMs} then reads + 1 else 1 end`,
        read_at: now
      })
      .where('digest', '=', digest)
      .where('state', '=', LIVE)
      .where('read_at', '<=', now - Math.min(stepMs, windowMs))
      .execute()
  }
}

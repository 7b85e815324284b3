import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { OwedChunk, StoreStats } from '../../metadata-store.ts'
import type { ChunkId, Generation, PeerId } from '../../types.ts'
import { chunkBytes, chunkOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE, copiesByDigest, removeCopy } from './chunks.ts'
import { findName } from './counters.ts'

/** What the partial index `chunks_owed` covers: asking for more copies than this looks at every chunk. */
const COPIES_INDEXED = 3

const owedChunks = (db: Kysely<Schema>, copies: number) =>
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
  const held = await copiesByDigest(
    db,
    rows.map(({ digest }) => digest)
  )
  return rows.map(({ digest, generation, size }) => ({
    chunk: chunkOf(digest),
    generation: generation as Generation,
    sizeBytes: size,
    copies: held(digest)
  }))
}

export async function dropCopy(
  db: Kysely<Schema>,
  { peer, chunk, generation }: { peer: PeerId; chunk: ChunkId; generation: Generation }
): Promise<void> {
  const no = await findName(db, peer)
  if (no !== undefined) await removeCopy(db, { digest: chunkBytes(chunk), peer: no, generation })
}

/** Counts rows: for status and metrics, not for every request. */
export async function stats(db: Kysely<Schema>, copies: number): Promise<StoreStats> {
  const files = await db
    .selectFrom('files')
    .select(({ fn }) => [fn.countAll<number>().as('n'), fn.sum<number | null>('size').as('bytes')])
    .where('state', '=', LIVE)
    .executeTakeFirstOrThrow()
  const chunks = await db
    .selectFrom('chunks')
    .select(({ fn }) => [fn.countAll<number>().as('n'), fn.sum<number | null>('size').as('bytes')])
    .where('state', '=', LIVE)
    .executeTakeFirstOrThrow()
  const linksSuspended = await db
    .selectFrom('links')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', '=', sql<'suspended'>`'suspended'`)
    .executeTakeFirstOrThrow()
  const linksLive = await db
    .selectFrom('links')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', '=', LIVE)
    .executeTakeFirstOrThrow()
  const uploadsOpen = await db
    .selectFrom('uploads')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', '=', sql<'open'>`'open'`)
    .executeTakeFirstOrThrow()
  const owed = await owedChunks(db, copies)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('copies', '>', 0)
    .executeTakeFirstOrThrow()
  const without = await owedChunks(db, 1)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  const orders = await db
    .selectFrom('orders')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return {
    files: Number(files.n),
    fileBytes: Number(files.bytes),
    linksLive: Number(linksLive.n),
    uploadsOpen: Number(uploadsOpen.n),
    chunks: Number(chunks.n),
    chunkBytes: Number(chunks.bytes),
    chunksOwed: Number(owed.n),
    chunksWithoutCopy: Number(without.n),
    ordersPending: Number(orders.n),
    linksSuspended: Number(linksSuspended.n)
  }
}

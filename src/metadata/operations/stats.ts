import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { StoreStats } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { owedChunks } from './repair.ts'
import { usedSpace } from './space.ts'

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
    linksSuspended: Number(linksSuspended.n),
    spaceUsed: { anonymous: await usedSpace(db, 'anonymous') }
  }
}

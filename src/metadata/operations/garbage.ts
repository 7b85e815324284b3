import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DeleteOrder } from '../../metadata-store.ts'
import type { Generation, PeerId } from '../../types.ts'
import { chunkBytes, chunkOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE, addOrder, forgetChunk, removeCopy } from './chunks.ts'
import { findName } from './counters.ts'

export async function condemnChunks(db: Kysely<Schema>, limit: number): Promise<number> {
  const unreferenced = await db
    .selectFrom('chunks')
    .select(['digest', 'generation'])
    .where('state', '=', LIVE)
    .where('refs', '=', sql.lit(0))
    .orderBy('digest')
    .limit(limit)
    .execute()
  let condemned = 0
  for (const { digest, generation } of unreferenced) {
    if (await condemn(db, digest, generation)) condemned++
  }
  return condemned
}

/** False when the chunk was reserved in between: the count on its own row decides. */
async function condemn(db: Kysely<Schema>, digest: Uint8Array, generation: number): Promise<boolean> {
  const condemned = await db
    .updateTable('chunks')
    .set({ state: 'condemned' })
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .where('state', '=', LIVE)
    .where('refs', '=', 0)
    .executeTakeFirst()
  if (condemned.numUpdatedRows !== 1n) return false
  const holders = await db.selectFrom('copies').select('peer').where('digest', '=', digest).execute()
  for (const { peer } of holders) await addOrder(db, { peer, digest, generation })
  await forgetChunk(db, digest)
  return true
}

export async function listOrders(db: Kysely<Schema>, peer: PeerId, limit: number): Promise<DeleteOrder[]> {
  const no = await findName(db, peer)
  if (no === undefined) return []
  const rows = await db
    .selectFrom('orders')
    .select(['digest', 'generation'])
    .where('peer', '=', no)
    .orderBy('digest')
    .limit(limit)
    .execute()
  return rows.map(({ digest, generation }) => ({
    peer,
    chunk: chunkOf(digest),
    generation: generation as Generation
  }))
}

/** One look into the orders for each name: a dead peer may have a million of them. */
export async function listOrderPeers(db: Kysely<Schema>): Promise<PeerId[]> {
  const rows = await db
    .selectFrom('names')
    .select('name')
    .where((eb) =>
      eb.exists(eb.selectFrom('orders').select('orders.peer').whereRef('orders.peer', '=', 'names.no'))
    )
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name as PeerId)
}

export async function confirmOrders(db: Kysely<Schema>, orders: readonly DeleteOrder[]): Promise<void> {
  for (const order of orders) {
    const peer = await findName(db, order.peer)
    if (peer === undefined) continue
    const digest = chunkBytes(order.chunk)
    const { generation } = order
    await db
      .deleteFrom('orders')
      .where('peer', '=', peer)
      .where('digest', '=', digest)
      .where('generation', '<=', generation)
      .execute()
    await removeCopy(db, { digest, peer, generation })
  }
}

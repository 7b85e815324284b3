/** What a node holds, taken in: copies that count, stale ones, and those that nothing refers to. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { HeldChunk, HeldOutcome, InventoryRecords } from '../../metadata-store.ts'
import type { Generation, PeerId } from '../../types.ts'
import { chunkBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { ATTEMPTS_MAX, addOrder } from './chunks.ts'
import { nameNumber, readNumber } from './counters.ts'
import { isRetired } from './nodes.ts'
import { recordCopy } from './receipts.ts'

type Reconciliation = Omit<Parameters<InventoryRecords['reconcileHeld']>[0], 'held'>

export async function reconcileHeld(
  db: Kysely<Schema>,
  { held, ...reconciliation }: Parameters<InventoryRecords['reconcileHeld']>[0]
): Promise<HeldOutcome[]> {
  if (await isRetired(db, reconciliation.peer)) return held.map(() => 'foreign')
  const peer = await nameNumber(db, reconciliation.peer)
  const outcomes: HeldOutcome[] = []
  for (const each of held) outcomes.push(await reconcile(db, reconciliation, peer, each))
  return outcomes
}

async function reconcile(
  db: Kysely<Schema>,
  reconciliation: Reconciliation,
  peer: number,
  held: HeldChunk
): Promise<HeldOutcome> {
  const digest = chunkBytes(held.chunk)
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const chunk = await db
      .selectFrom('chunks')
      .select(['generation', 'state'])
      .where('digest', '=', digest)
      .executeTakeFirst()
    // asked after the chunk: what was given out for it by then is counted
    if (held.generation > (await readNumber(db, 'generation'))) return 'foreign'
    if (chunk?.state !== 'live') {
      if (held.generation < 1) return 'foreign' // stored through the Blockstore view, not by a cluster
      await noteUnknown(db, { peer, digest, generation: held.generation }, reconciliation.inventory)
      return 'unknown'
    }
    if (held.generation < chunk.generation) return 'stale'
    const generation = chunk.generation as Generation
    const { peer: id, host, boot } = reconciliation
    if (await recordCopy(db, { peer: id, host, boot, chunk: held.chunk, generation })) return 'recorded'
  }
  throw new PeerbinError('busy', 'a chunk changed too often while it was reconciled')
}

/** At another generation than before it was given to the node again, and its time begins anew. Not noted while an order for it stands. */
async function noteUnknown(
  db: Kysely<Schema>,
  held: { peer: number; digest: Uint8Array; generation: number },
  inventory: number
): Promise<void> {
  const order = await db
    .selectFrom('orders')
    .select('generation')
    .where('peer', '=', held.peer)
    .where('digest', '=', held.digest)
    .where('generation', '>=', held.generation)
    .executeTakeFirst()
  if (order !== undefined) return
  await db
    .insertInto('unknown_chunks')
    .values({ ...held, first_seen: inventory, last_seen: inventory })
    .onConflict((oc) =>
      oc.columns(['peer', 'digest']).doUpdateSet({
        first_seen: sql<number>`case when unknown_chunks.generation = excluded.generation
          then unknown_chunks.first_seen else excluded.first_seen end`,
        generation: held.generation,
        last_seen: inventory
      })
    )
    .execute()
}

/** An order below the live generation, now or later: the chunk's generation only rises. */
export async function orderStale(
  db: Kysely<Schema>,
  peer: PeerId,
  held: readonly HeldChunk[]
): Promise<void> {
  if (await isRetired(db, peer)) return
  const no = await nameNumber(db, peer)
  for (const { chunk, generation } of held) {
    const digest = chunkBytes(chunk)
    const isStale = await db
      .selectFrom('chunks')
      .select('generation')
      .where('digest', '=', digest)
      .where('state', '=', 'live')
      .where('generation', '>', generation)
      .executeTakeFirst()
    if (isStale !== undefined) await addOrder(db, { peer: no, digest, generation })
  }
}

/** Chunks that nodes hold and nothing refers to: in quarantine until two inventories agree. */

import type { Kysely } from 'kysely'
import type { InventoryRecords } from '../../metadata-store.ts'
import { UNSEEN_FORGOTTEN_MAX } from '../limits.ts'
import type { Schema } from '../schema.ts'
import { addOrder } from './chunks.ts'
import { findName } from './counters.ts'
import { isRetired } from './nodes.ts'

/** Seen by the present inventory. */
const seenChunks = (db: Kysely<Schema>, peer: number, inventory: number) =>
  db.selectFrom('unknown_chunks').where('peer', '=', peer).where('last_seen', '=', inventory)

/** Seen by an earlier one too, and that before `seenBefore`. */
const ripeChunks = (db: Kysely<Schema>, peer: number, inventory: number, seenBefore: number) =>
  seenChunks(db, peer, inventory).where('first_seen', '<', Math.min(inventory, seenBefore))

export async function countUnknown(
  db: Kysely<Schema>,
  { peer, inventory, seenBefore }: Parameters<InventoryRecords['countUnknown']>[0]
): Promise<{ total: number; ripe: number }> {
  const no = await findName(db, peer)
  if (no === undefined) return { total: 0, ripe: 0 }
  await forgetUnseen(db, no, inventory)
  const total = await seenChunks(db, no, inventory)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  const ripe = await ripeChunks(db, no, inventory, seenBefore)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return { total: Number(total.n), ripe: Number(ripe.n) }
}

/** What is left beyond the limit does not count either, and goes with the next call. */
async function forgetUnseen(db: Kysely<Schema>, peer: number, inventory: number): Promise<void> {
  const unseen = db
    .selectFrom('unknown_chunks')
    .select('digest')
    .where('peer', '=', peer)
    .where('last_seen', '<', inventory)
    .orderBy('digest')
    .limit(UNSEEN_FORGOTTEN_MAX)
  await db
    .deleteFrom('unknown_chunks')
    .where('peer', '=', peer)
    .where('digest', 'in', unseen)
    .where('last_seen', '<', inventory)
    .execute()
}

export async function orderUnknown(
  db: Kysely<Schema>,
  { peer, inventory, seenBefore, limit }: Parameters<InventoryRecords['orderUnknown']>[0]
): Promise<number> {
  const no = await findName(db, peer)
  if (no === undefined) return 0
  const ripe = await ripeChunks(db, no, inventory, seenBefore)
    .select(['digest', 'first_seen'])
    .orderBy('first_seen')
    .orderBy('digest')
    .limit(limit)
    .execute()
  const mayOrder = !(await isRetired(db, peer))
  for (const { digest } of ripe) {
    const generation = await takeUnreferenced(db, no, digest)
    if (generation !== undefined && mayOrder) await addOrder(db, { peer: no, digest, generation })
    // one that is live again is the next inventory's to judge
    await db.deleteFrom('unknown_chunks').where('peer', '=', no).where('digest', '=', digest).execute()
  }
  return ripe.length
}

/**
 * Takes one out if the chunk is not live; answers the generation it was seen at. A life that begins just now gets a greater generation than any that
 * was seen, so that the order does not touch it. (A life that goes on, as adoptFile has it, begins only while nobody leads and nothing is ordered.)
 */
async function takeUnreferenced(
  db: Kysely<Schema>,
  peer: number,
  digest: Uint8Array
): Promise<number | undefined> {
  const taken = await db
    .deleteFrom('unknown_chunks')
    .where('peer', '=', peer)
    .where('digest', '=', digest)
    .where((eb) => {
      const live = eb
        .selectFrom('chunks')
        .select('chunks.digest')
        .where('chunks.digest', '=', digest)
        .where('chunks.state', '=', 'live')
      return eb.not(eb.exists(live))
    })
    .returning('generation')
    .executeTakeFirst()
  return taken?.generation
}

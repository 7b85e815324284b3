import type { Kysely } from 'kysely'
import type { Receipt } from '../../types.ts'
import { chunkBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE, addOrder, putCopy } from './chunks.ts'
import { nameNumber, readNumber } from './counters.ts'
import { isNotRetired, isRetired } from './nodes.ts'

export async function recordReceipts(db: Kysely<Schema>, receipts: readonly Receipt[]): Promise<void> {
  for (const receipt of receipts) {
    const isRecorded = await recordCopy(db, receipt)
    if (!isRecorded) await orderDeletion(db, receipt)
  }
}

/**
 * False when the chunk is not live at the receipt's generation, or the peer was retired.
 *
 * No standing order can match the copy: an order names a generation at which the chunk was condemned, was not live, or lived before the present life (a late
 * receipt, a stale or an unknown copy), and each new life gets a generation greater than all given out by then. Only adoptFile lets an old generation live
 * again, and takes the orders away that would match.
 */
export async function recordCopy(db: Kysely<Schema>, receipt: Receipt): Promise<boolean> {
  const { generation, host, boot } = receipt
  const digest = chunkBytes(receipt.chunk)
  // counted first: the row is held from here on, so the chunk cannot be condemned without an order for this copy
  const counted = await db
    .updateTable('chunks')
    .set((eb) => ({ copies: eb('copies', '+', 1) }))
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .where('state', '=', LIVE)
    .where((eb) => isNotRetired(eb, receipt.peer))
    .returning('copies')
    .executeTakeFirst()
  if (counted === undefined) return false
  const peer = await nameNumber(db, receipt.peer)
  const isNew = await putCopy(db, { digest, peer, host, generation, boot })
  if (!isNew)
    await db
      .updateTable('chunks')
      .set((eb) => ({ copies: eb('copies', '-', 1) }))
      .where('digest', '=', digest)
      .execute()
  return true
}

async function orderDeletion(db: Kysely<Schema>, receipt: Receipt): Promise<void> {
  if (await isRetired(db, receipt.peer)) return
  const { generation } = receipt
  const digest = chunkBytes(receipt.chunk)
  const peer = await nameNumber(db, receipt.peer)
  const chunk = await db
    .selectFrom('chunks')
    .select(['generation', 'state'])
    .where('digest', '=', digest)
    .executeTakeFirst()
  const isLive = chunk?.state === 'live'
  // never given out for this chunk: an order that names it could match a later life
  if (isLive && chunk.generation < generation) return
  if (generation > (await readNumber(db, 'generation'))) return
  if (isLive && (await hasGreaterCopy(db, digest, peer, generation))) return
  await addOrder(db, { peer, digest, generation })
}

async function hasGreaterCopy(
  db: Kysely<Schema>,
  digest: Uint8Array,
  peer: number,
  generation: number
): Promise<boolean> {
  const copy = await db
    .selectFrom('copies')
    .select('generation')
    .where('digest', '=', digest)
    .where('peer', '=', peer)
    .where('generation', '>', generation)
    .executeTakeFirst()
  return copy !== undefined
}

/** What one peer is recorded to hold, in order of digests: compared by prefix with what it says it holds. */

import type { ExpressionBuilder, Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { CopySummary, HeldChunk, InventoryRecords } from '../../metadata-store.ts'
import { InventoryDigest } from '../../protocol/inventory.ts'
import type { ChunkId, Generation, PeerId } from '../../types.ts'
import { chunkBytes, chunkOf, hexOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { findName, nameNumber } from './counters.ts'

interface Compared {
  digest: Uint8Array
  generation: number
}

/** A condition: chunks of this peer whose digest begins with this byte. */
const ofPrefix = (peer: number, prefix: number) => (eb: ExpressionBuilder<Schema, 'copies'>) => {
  const from = [eb('peer', '=', peer), eb('digest', '>=', Uint8Array.of(prefix))]
  return eb.and(prefix === 255 ? from : [...from, eb('digest', '<', Uint8Array.of(prefix + 1))])
}

/** The index copies_by_peer has all that is asked for: the rows themselves are not read. */
const copiesOfPrefix = (db: Kysely<Schema>, peer: number, prefix: number): Promise<Compared[]> =>
  db
    .selectFrom('copies')
    .select(['digest', 'generation'])
    .where(ofPrefix(peer, prefix))
    .orderBy('digest')
    .execute()

function summaryOf(copies: readonly Compared[]): CopySummary {
  const inventory = new InventoryDigest()
  for (const { digest, generation } of copies) inventory.add(digest, generation)
  return inventory.summary()
}

/** The process does nothing else meanwhile: a million copies take about two seconds, so ask for a few prefixes at a time. */
export async function summarizeCopies(
  db: Kysely<Schema>,
  peer: PeerId,
  first: number,
  last: number
): Promise<CopySummary[]> {
  const no = await findName(db, peer)
  const summaries: CopySummary[] = []
  for (let prefix = first; prefix <= last; prefix++)
    summaries.push(summaryOf(no === undefined ? [] : await copiesOfPrefix(db, no, prefix)))
  return summaries
}

/** All rows at once, and then a look at those that moved: one that another transaction has put there since the comparison takes everything back. */
export async function confirmCopies(
  db: Kysely<Schema>,
  { peer, host, boot, prefix, digest }: Parameters<InventoryRecords['confirmCopies']>[0]
): Promise<boolean> {
  const no = await findName(db, peer)
  const compared = no === undefined ? [] : await copiesOfPrefix(db, no, prefix)
  if (summaryOf(compared).digest !== digest) return false
  if (no === undefined) return true
  const moved = await db
    .updateTable('copies')
    .set({ boot, host: await nameNumber(db, host) })
    .where(ofPrefix(no, prefix))
    .where('boot', '<', boot)
    .returning(['digest', 'generation'])
    .execute()
  if (!areAmong(moved, compared)) throw new PeerbinError('busy', 'copies changed while they were confirmed')
  return true
}

function areAmong(moved: readonly Compared[], compared: readonly Compared[]): boolean {
  if (moved.length === 0) return true
  const known = new Map(compared.map((each) => [hexOf(each.digest), each.generation]))
  return moved.every((each) => known.get(hexOf(each.digest)) === each.generation)
}

export async function listCopies(
  db: Kysely<Schema>,
  peer: PeerId,
  after: ChunkId | undefined,
  limit: number
): Promise<Array<HeldChunk & { boot: number }>> {
  const no = await findName(db, peer)
  if (no === undefined) return []
  const rows = await db
    .selectFrom('copies')
    .select(['digest', 'generation', 'boot'])
    .where('peer', '=', no)
    .where('digest', '>', after === undefined ? new Uint8Array(0) : chunkBytes(after))
    .orderBy('digest')
    .limit(limit)
    .execute()
  return rows.map(({ digest, generation, boot }) => ({
    chunk: chunkOf(digest),
    generation: generation as Generation,
    boot
  }))
}

/** What one peer is recorded to hold, in order of digests: compared by prefix with what it says it holds. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { CopySummary, HeldChunk, InventoryRecords } from '../../metadata-store.ts'
import { InventoryDigest } from '../../protocol/inventory.ts'
import type { ChunkId, Generation, PeerId } from '../../types.ts'
import { chunkBytes, chunkOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { findName } from './counters.ts'

interface Compared {
  digest: Uint8Array
  generation: number
}

/** Rows in one update of confirmCopies: fewer statements, and a list of one length, so that the statement stays prepared. */
const ROWS_CONFIRMED = 64

/** The index copies_by_peer has all that is asked for: the rows themselves are not read. */
async function copiesOfPrefix(db: Kysely<Schema>, peer: number, prefix: number): Promise<Compared[]> {
  const query = db
    .selectFrom('copies')
    .select(['digest', 'generation'])
    .where('peer', '=', peer)
    .where('digest', '>=', Uint8Array.of(prefix))
    .orderBy('digest')
  return await (prefix === 255 ? query : query.where('digest', '<', Uint8Array.of(prefix + 1))).execute()
}

function summaryOf(copies: readonly Compared[]): CopySummary {
  const inventory = new InventoryDigest()
  for (const { digest, generation } of copies) inventory.add(digest, generation)
  return inventory.summary()
}

/** The process does nothing else meanwhile: a million copies take about a second, so ask for a few prefixes at a time. */
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

/** Only rows that are as they were compared: one that another transaction has put there meanwhile keeps its boot. */
export async function confirmCopies(
  db: Kysely<Schema>,
  { peer, boot, prefix, digest }: Parameters<InventoryRecords['confirmCopies']>[0]
): Promise<boolean> {
  const no = await findName(db, peer)
  const copies = no === undefined ? [] : await copiesOfPrefix(db, no, prefix)
  if (summaryOf(copies).digest !== digest) return false
  for (let at = 0; no !== undefined && at < copies.length; at += ROWS_CONFIRMED) {
    const rows = copies.slice(at, at + ROWS_CONFIRMED)
    for (const last = rows.at(-1); last !== undefined && rows.length < ROWS_CONFIRMED;) rows.push(last)
    const pairs = rows.map((row) => sql`(${row.digest}, ${row.generation})`)
    await db
      .updateTable('copies')
      .set({ boot })
      .where('peer', '=', no)
      .where(sql<boolean>`(digest, generation) in (values ${sql.join(pairs)})`)
      .where('boot', '<', boot)
      .execute()
  }
  return true
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

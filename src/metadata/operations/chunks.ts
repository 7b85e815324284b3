/** Chunks, their references, copies and delete orders: what uploads, files and garbage have in common. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { CopyRecord } from '../../metadata-store.ts'
import type { Generation, PeerId } from '../../types.ts'
import { hexOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { nameNumber, nextNumber, readNumber } from './counters.ts'

/** Another transaction can come between looking and writing; then it is tried again, and each time somebody has got ahead. */
export const ATTEMPTS_MAX = 4

/** States as literals in the SQL: SQLite uses a partial index only where the same literal stands. */
export const LIVE = sql<'live'>`'live'`

export interface ChunkLife {
  generation: number
  size: number
}

/** Adds one reference to a chunk; one that is new or condemned gets a new life. @throws `upload-conflict` when it is known with another size */
export async function addReference(
  db: Kysely<Schema>,
  digest: Uint8Array,
  size: number
): Promise<Generation> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const generation = (await countReference(db, digest, size)) ?? (await startLife(db, digest, size))
    if (generation !== undefined) return generation as Generation
  }
  throw new PeerbinError('busy', 'a chunk changed too often while it was reserved')
}

/** Adds references to a chunk that is live and answers its generation; undefined for another. @throws `upload-conflict` */
export async function countReference(
  db: Kysely<Schema>,
  digest: Uint8Array,
  size: number,
  by = 1
): Promise<number | undefined> {
  const counted = await db
    .updateTable('chunks')
    .set((eb) => ({ refs: eb('refs', '+', by) }))
    .where('digest', '=', digest)
    .where('state', '=', LIVE)
    .returning(['generation', 'size'])
    .executeTakeFirst()
  if (counted !== undefined && counted.size !== size) throw new PeerbinError('upload-conflict')
  return counted?.generation
}

/** Undefined when another transaction made the chunk live first. */
async function startLife(db: Kysely<Schema>, digest: Uint8Array, size: number): Promise<number | undefined> {
  const generation = await nextNumber(db, 'generation')
  const readAt = await readNumber(db, 'time')
  const row = { generation, state: 'live', refs: 1, size, copies: 0, read_at: readAt, reads: 0 } as const
  const started = await db
    .insertInto('chunks')
    .values({ digest, ...row })
    .onConflict((oc) => oc.column('digest').doUpdateSet(row).where('chunks.state', '=', 'condemned'))
    .returning('generation')
    .executeTakeFirst()
  return started?.generation
}

/** Takes the references of pieces off their chunks. `digests`: one for each piece that was removed. */
export async function removeReferences(db: Kysely<Schema>, digests: readonly Uint8Array[]): Promise<void> {
  const counts = new Map<string, { digest: Uint8Array; count: number }>()
  for (const digest of digests) {
    const key = hexOf(digest)
    counts.set(key, { digest, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  // in one order everywhere, so that two transactions that drop the same chunks do not wait for each other
  const inOrder = [...counts.values()].toSorted((a, b) => Buffer.compare(a.digest, b.digest))
  for (const { digest, count } of inOrder) {
    await db
      .updateTable('chunks')
      .set((eb) => ({ refs: eb('refs', '-', count) }))
      .where('digest', '=', digest)
      .execute()
  }
}

/** Copies of these chunks at their present generation, by hex of the digest, in order of peers. */
export async function copiesByDigest(
  db: Kysely<Schema>,
  digests: readonly Uint8Array[]
): Promise<(digest: Uint8Array) => CopyRecord[]> {
  const copies = new Map<string, CopyRecord[]>()
  if (digests.length > 0) {
    const rows = await db
      .selectFrom('copies')
      .innerJoin('chunks', (join) =>
        join.onRef('chunks.digest', '=', 'copies.digest').onRef('chunks.generation', '=', 'copies.generation')
      )
      .innerJoin('names as p', 'p.no', 'copies.peer')
      .innerJoin('names as h', 'h.no', 'copies.host')
      .select(['copies.digest', 'p.name as peer', 'h.name as host', 'copies.generation', 'copies.boot'])
      .where('copies.digest', 'in', digests)
      .execute()
    for (const { digest, peer, host, generation, boot } of rows) {
      const copy = { peer: peer as PeerId, host, generation: generation as Generation, boot }
      const known = copies.get(hexOf(digest))
      if (known === undefined) copies.set(hexOf(digest), [copy])
      else known.push(copy)
    }
  }
  for (const list of copies.values()) list.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  return (digest) => copies.get(hexOf(digest)) ?? []
}

/** One order for a peer and chunk is enough: a greater generation covers the smaller ones. */
export async function addOrder(
  db: Kysely<Schema>,
  order: { peer: number; digest: Uint8Array; generation: number }
): Promise<void> {
  await db
    .insertInto('orders')
    .values(order)
    .onConflict((oc) =>
      oc
        .columns(['peer', 'digest'])
        .doUpdateSet({ generation: order.generation })
        .where('orders.generation', '<', order.generation)
    )
    .execute()
}

/** Records a copy of a chunk that the caller has found live at `generation` and whose row it holds. True when there was none. */
export async function putCopy(
  db: Kysely<Schema>,
  copy: { digest: Uint8Array; peer: number; host: string; generation: number; boot: number }
): Promise<boolean> {
  const { digest, peer, generation, boot } = copy
  const host = await nameNumber(db, copy.host)
  const known = await db
    .selectFrom('copies')
    .select(['generation', 'boot'])
    .where('digest', '=', digest)
    .where('peer', '=', peer)
    .executeTakeFirst()
  if (known?.generation === generation && known.boot > boot) return false
  const row = { host, generation, boot }
  await db
    .insertInto('copies')
    .values({ digest, peer, ...row })
    .onConflict((oc) => oc.columns(['digest', 'peer']).doUpdateSet(row))
    .execute()
  return known?.generation !== generation
}

/** Removes a copy at or below `generation` (and `boot`, if given); the chunk's count follows when the copy was of its present life, and a condemned chunk goes with its last. */
export async function removeCopy(
  db: Kysely<Schema>,
  { digest, peer, generation, boot }: { digest: Uint8Array; peer: number; generation: number; boot?: number }
): Promise<void> {
  const removed = await db
    .deleteFrom('copies')
    .where('digest', '=', digest)
    .where('peer', '=', peer)
    .where('generation', '<=', generation)
    .$if(boot !== undefined, (query) => query.where('boot', '<=', boot ?? 0))
    .returning('generation')
    .executeTakeFirst()
  if (removed === undefined) return
  await db
    .updateTable('chunks')
    .set((eb) => ({ copies: eb('copies', '-', 1) }))
    .where('digest', '=', digest)
    .where('generation', '=', removed.generation)
    .execute()
  await forgetChunk(db, digest)
}

/** A condemned chunk is forgotten with its last copy. */
export async function forgetChunk(db: Kysely<Schema>, digest: Uint8Array): Promise<void> {
  await db
    .deleteFrom('chunks')
    .where('digest', '=', digest)
    .where('state', '=', 'condemned')
    .where((eb) => {
      const held = eb
        .selectFrom('copies')
        .select('copies.peer')
        .whereRef('copies.digest', '=', 'chunks.digest')
      return eb.not(eb.exists(held))
    })
    .execute()
}

/** Nodes as last recorded, and what an operator decided about them. */

import type { ExpressionBuilder, Kysely } from 'kysely'
import type { NodeDecision, NodeRecord } from '../../metadata-store.ts'
import type { PeerId } from '../../types.ts'
import { decodeNode, encodeNode } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { removeCopy } from './chunks.ts'
import { findName } from './counters.ts'

/** A condition: the peer was not retired. In the statement that writes, so that a decision made just now is seen. */
export const isNotRetired = (eb: ExpressionBuilder<Schema, 'chunks'>, peer: PeerId) =>
  eb.not(
    eb.exists(
      eb
        .selectFrom('decisions')
        .select('decisions.peer')
        .where('decisions.peer', '=', peer)
        .where('decisions.decision', '=', 'retired')
    )
  )

export async function isRetired(db: Kysely<Schema>, peer: PeerId): Promise<boolean> {
  const row = await db
    .selectFrom('decisions')
    .select('peer')
    .where('peer', '=', peer)
    .where('decision', '=', 'retired')
    .executeTakeFirst()
  return row !== undefined
}

export async function recordNodes(db: Kysely<Schema>, nodes: readonly NodeRecord[]): Promise<void> {
  for (const node of nodes) {
    const { peer, boot, sequence } = node
    if (await isRetired(db, peer)) continue
    await db
      .insertInto('nodes')
      .values({ peer, boot, sequence, record: encodeNode(node) })
      .onConflict((oc) =>
        oc
          .column('peer')
          .doUpdateSet((eb) => ({
            boot: eb.ref('excluded.boot'),
            sequence: eb.ref('excluded.sequence'),
            record: eb.ref('excluded.record')
          }))
          .where((eb) =>
            eb.or([
              eb('nodes.boot', '<', boot),
              eb.and([eb('nodes.boot', '=', boot), eb('nodes.sequence', '<', sequence)])
            ])
          )
      )
      .execute()
  }
}

export async function listNodes(db: Kysely<Schema>): Promise<NodeRecord[]> {
  const rows = await db.selectFrom('nodes').selectAll().orderBy('peer').execute()
  return rows.map(decodeNode)
}

/** A decision that stands already keeps its time. */
export async function decideNode(
  db: Kysely<Schema>,
  peer: PeerId,
  decision: NodeDecision['decision'] | null,
  now: number
): Promise<void> {
  if (decision === null) {
    await db.deleteFrom('decisions').where('peer', '=', peer).where('decision', '=', 'draining').execute()
    return
  }
  const row = { decision, decided_at: now }
  await db
    .insertInto('decisions')
    .values({ peer, ...row })
    .onConflict((oc) =>
      oc
        .column('peer')
        .doUpdateSet(row)
        .where('decisions.decision', '=', 'draining')
        .where('decisions.decision', '<>', decision)
    )
    .execute()
}

export async function listDecisions(db: Kysely<Schema>): Promise<NodeDecision[]> {
  const rows = await db.selectFrom('decisions').selectAll().orderBy('peer').execute()
  return rows.map(({ peer, decision, decided_at: decidedAt }) => ({
    peer: peer as PeerId,
    decision,
    decidedAt
  }))
}

/** Nothing of a peer that was not retired. Where transactions meet, a receipt that was under way may come after the last step: its row goes with the next call. */
export async function forgetNode(db: Kysely<Schema>, peer: PeerId, limit: number): Promise<number> {
  if (limit <= 0 || !(await isRetired(db, peer))) return 0
  const node = await db.deleteFrom('nodes').where('peer', '=', peer).executeTakeFirst()
  let gone = Number(node.numDeletedRows)
  const no = await findName(db, peer)
  if (no === undefined) return gone
  gone += await forgetCopies(db, no, limit - gone)
  for (const table of ['orders', 'unknown_chunks'] as const)
    if (gone < limit) gone += await forgetRows(db, table, no, limit - gone)
  return gone
}

async function forgetCopies(db: Kysely<Schema>, peer: number, limit: number): Promise<number> {
  const page = await db
    .selectFrom('copies')
    .select(['digest', 'generation'])
    .where('peer', '=', peer)
    .orderBy('digest')
    .limit(limit)
    .execute()
  for (const { digest, generation } of page) await removeCopy(db, { digest, peer, generation })
  return page.length
}

async function forgetRows(
  db: Kysely<Schema>,
  table: 'orders' | 'unknown_chunks',
  peer: number,
  limit: number
): Promise<number> {
  const page = await db
    .selectFrom(table)
    .select('digest')
    .where('peer', '=', peer)
    .orderBy('digest')
    .limit(limit)
    .execute()
  const last = page.at(-1)
  if (last === undefined) return 0
  await db.deleteFrom(table).where('peer', '=', peer).where('digest', '<=', last.digest).execute()
  return page.length
}

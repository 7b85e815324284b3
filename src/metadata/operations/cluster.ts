import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { NodeRecord } from '../../metadata-store.ts'
import type { Term } from '../../types.ts'
import { decodeNode, encodeNode } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { readNumber } from './counters.ts'

export async function advanceTerm(db: Kysely<Schema>, atLeast: Term): Promise<Term> {
  const { value } = await db
    .updateTable('meta')
    .set({ value: sql<number>`case when value > ${atLeast} then value else ${atLeast} end + 1` })
    .where('key', '=', 'term')
    .returning('value')
    .executeTakeFirstOrThrow()
  return value as Term
}

/** Writes nothing when the mark stands later already. */
export async function advanceTime(db: Kysely<Schema>, now: number): Promise<number> {
  const moved = await db
    .updateTable('meta')
    .set({ value: now })
    .where('key', '=', 'time')
    .where('value', '<', now)
    .returning('value')
    .executeTakeFirst()
  return moved?.value ?? (await readNumber(db, 'time'))
}

export async function recordNodes(db: Kysely<Schema>, nodes: readonly NodeRecord[]): Promise<void> {
  for (const node of nodes) {
    const { peer, boot, sequence } = node
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

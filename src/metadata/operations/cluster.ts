import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { ClusterRecords } from '../../metadata-store.ts'
import type { Generation, Term } from '../../types.ts'
import type { Schema } from '../schema.ts'
import { raiseNumber, readNumber } from './counters.ts'

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

export async function raiseCounters(
  db: Kysely<Schema>,
  { term, generation }: Parameters<ClusterRecords['raiseCounters']>[0]
): Promise<void> {
  await raiseNumber(db, 'term', term)
  await raiseNumber(db, 'generation', generation)
}

export const lastGeneration = async (db: Kysely<Schema>): Promise<Generation> =>
  (await readNumber(db, 'generation')) as Generation

export async function writeSetting(db: Kysely<Schema>, key: string, value: string | null): Promise<void> {
  if (value === null) await db.deleteFrom('settings').where('key', '=', key).execute()
  else
    await db
      .insertInto('settings')
      .values({ key, value })
      .onConflict((oc) => oc.column('key').doUpdateSet({ value }))
      .execute()
}

export async function readSetting(db: Kysely<Schema>, key: string): Promise<string | null> {
  const row = await db.selectFrom('settings').select('value').where('key', '=', key).executeTakeFirst()
  return row?.value ?? null
}

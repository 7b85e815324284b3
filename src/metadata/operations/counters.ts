/** Numbers that only rise, and names by number. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { NodeBoot } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'

/** Next number of a counter, or the last of the next `by`; never given out again. */
export async function nextNumber(
  db: Kysely<Schema>,
  counter: 'generation' | 'holder' | 'name' | 'history' | 'events' | 'streams',
  by = 1
): Promise<number> {
  const { value } = await db
    .updateTable('meta')
    .set((eb) => ({ value: eb('value', '+', by) }))
    .where('key', '=', counter)
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}

export async function readNumber(
  db: Kysely<Schema>,
  counter: 'generation' | 'term' | 'time' | 'history' | 'events' | 'events_gone'
): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', counter).executeTakeFirstOrThrow()
  return row.value
}

/** Lifts a counter to at least this; it never goes down. */
export async function raiseNumber(
  db: Kysely<Schema>,
  counter: 'generation' | 'term' | 'events_gone',
  atLeast: number
): Promise<void> {
  await db
    .updateTable('meta')
    .set({ value: atLeast })
    .where('key', '=', counter)
    .where('value', '<', atLeast)
    .execute()
}

/** Number of a peer id or host name, if it has one. */
export async function findName(db: Kysely<Schema>, name: string): Promise<number | undefined> {
  const row = await db.selectFrom('names').select('no').where('name', '=', name).executeTakeFirst()
  return row?.no
}

/** Number of a peer id or host name; a new one gets the next. */
export async function nameNumber(db: Kysely<Schema>, name: string): Promise<number> {
  const known = await findName(db, name)
  if (known !== undefined) return known
  const no = await nextNumber(db, 'name')
  await db
    .insertInto('names')
    .values({ no, name })
    .onConflict((oc) => oc.column('name').doNothing())
    .execute()
  const winner = await findName(db, name) // another transaction may have been first
  if (winner === undefined) throw new PeerbinError('internal', 'a name was not recorded')
  return winner
}

/** Nodes by number, with their boots; those that have no number are left out. */
export async function numbersOf(
  db: Kysely<Schema>,
  boots: readonly NodeBoot[]
): Promise<Array<{ peer: number; boot: number }>> {
  if (boots.length === 0) return []
  const rows = await db
    .selectFrom('names')
    .selectAll()
    .where(
      'name',
      'in',
      boots.map(({ peer }) => peer)
    )
    .execute()
  const numbers = new Map(rows.map(({ no, name }) => [name, no]))
  return boots.flatMap(({ peer, boot }) => {
    const no = numbers.get(peer)
    return no === undefined ? [] : [{ peer: no, boot }]
  })
}

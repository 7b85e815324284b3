/** Numbers that only rise, and names by number. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { Schema } from '../schema.ts'

/** Next number of a counter; never given out again. */
export async function nextNumber(
  db: Kysely<Schema>,
  counter: 'generation' | 'holder' | 'name'
): Promise<number> {
  const { value } = await db
    .updateTable('meta')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('key', '=', counter)
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}

export async function readNumber(
  db: Kysely<Schema>,
  counter: 'generation' | 'term' | 'time'
): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', counter).executeTakeFirstOrThrow()
  return row.value
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

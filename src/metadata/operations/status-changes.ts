import type { Kysely } from 'kysely'
import type { StatusChange } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'

/** Told of every change of a version's status, in the transaction that makes it: what a listener writes stands or falls with the change. */
type Listener = (db: Kysely<Schema>, change: StatusChange) => Promise<void>

const LISTENERS: readonly Listener[] = []

export async function noteStatus(db: Kysely<Schema>, change: StatusChange): Promise<void> {
  for (const listener of LISTENERS) await listener(db, change)
}

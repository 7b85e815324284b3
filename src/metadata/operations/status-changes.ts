import type { Kysely } from 'kysely'
import type { StatusChange } from '../../metadata-store.ts'
import type { Schema } from '../schema.ts'
import { statusRecord } from '../status-record.ts'
import { insertHistory } from './history.ts'

/** Told of every change of a version's status, in the transaction that makes it: the record stands or falls with the change. */
export async function noteStatus(db: Kysely<Schema>, change: StatusChange): Promise<void> {
  await insertHistory(db, statusRecord(change))
}

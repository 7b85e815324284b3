import type { Kysely } from 'kysely'
import type { StatusChange } from '../../metadata-store.ts'
import { uuidBytes } from '../columns.ts'
import { statusEvent } from '../event-facts.ts'
import type { Schema } from '../schema.ts'
import { statusRecord } from '../status-record.ts'
import { fileFacts } from './event-notes.ts'
import { writeEvent } from './events.ts'
import { insertHistory } from './history.ts'

/** Told of every change of a version's status, in the transaction that makes it: record and event stand or fall with the change. A pool's files have neither. */
export async function noteStatus(db: Kysely<Schema>, change: StatusChange): Promise<void> {
  const facts = await fileFacts(db, uuidBytes(change.entry), { version: change.version })
  if (facts === undefined) return
  await insertHistory(db, statusRecord(change))
  await writeEvent(db, statusEvent(change, facts))
}

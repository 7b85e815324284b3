import type { StatusChange } from '../../metadata-store.ts'
import { statusEvent } from '../event-facts.ts'
import { statusRecord } from '../status-record.ts'
import { fileFacts, isPools } from './event-notes.ts'
import { writeEvent } from './events.ts'
import { insertHistory } from './history.ts'
import type { EntryRow, State } from './state.ts'

/** As in operations/status-changes.ts. */
export function noteStatus(state: State, row: EntryRow, change: StatusChange): void {
  if (isPools(state, row)) return
  insertHistory(state, statusRecord(change))
  writeEvent(state, statusEvent(change, fileFacts(state, row, { version: change.version })))
}

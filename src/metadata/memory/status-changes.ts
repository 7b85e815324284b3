import type { StatusChange } from '../../metadata-store.ts'
import { statusRecord } from '../status-record.ts'
import { insertHistory } from './history.ts'
import type { State } from './state.ts'

/** As in operations/status-changes.ts. */
export function noteStatus(state: State, change: StatusChange): void {
  insertHistory(state, statusRecord(change))
}

import type { StatusChange } from '../../metadata-store.ts'
import type { State } from './state.ts'

/** As in operations/status-changes.ts. */
type Listener = (state: State, change: StatusChange) => void

const LISTENERS: readonly Listener[] = []

export function noteStatus(state: State, change: StatusChange): void {
  for (const listener of LISTENERS) listener(state, change)
}

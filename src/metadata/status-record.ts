import type { HistoryRecord } from '../history.ts'
import type { StatusChange } from '../metadata-store.ts'
import { historyIdFrom } from '../protocol/history-id.ts'

/** What the history says of a version whose status changed. A version comes to each status once, so that the id follows from it. */
export const statusRecord = (change: StatusChange): HistoryRecord => ({
  id: historyIdFrom('upload.status', change.entry, String(change.version), change.status),
  at: change.at,
  action: 'upload.status',
  actor: null,
  actorName: null,
  owner: change.owner,
  entry: change.entry,
  version: change.version,
  file: change.file,
  path: change.path,
  bytes: change.sizeBytes,
  durationMs: null,
  attempts: change.attempts,
  outcome: change.code ?? 'ok',
  address: null,
  session: null,
  detail: change.status
})

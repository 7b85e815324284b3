/** Notes in the history how uploads end that go on later, however they came. */

import type { Ended } from '../../client/resume/resumable-writer.ts'
import { hasCode } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { historyIdFrom } from '../../protocol/history-id.ts'
import type { UploadId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import type { HistoryEvent, HistoryRecorder, Requester } from '../history/recorder.ts'

/** What ends an upload for good, whose bytes have all come. */
export const FATAL_CODES: readonly ErrorCode[] = [
  'checksum-mismatch',
  'file-infected',
  'index-invalid',
  'type-forbidden',
  'path-conflict',
  'path-taken',
  'version-conflict'
]

export interface NotedBy {
  readonly history: HistoryRecorder
  readonly request: Requester
  /** Undefined: nobody with an account. */
  readonly actor: Actor | undefined
}

/** Notes an upload that was brought to its end; two that do so at once, on two edges, note one. */
export function noteEnd(by: NotedBy, upload: UploadId, { result, stored }: Ended, path: string): void {
  if (result !== undefined) {
    const { id: file, sizeBytes: bytes } = result.file
    note(by, 'link.upload', upload, { file, path, bytes })
  } else if (stored !== undefined) {
    const { entry, version, sizeBytes: bytes } = stored
    note(by, 'upload', upload, { entry, version, bytes, path, ...ownerOf(by) })
  }
}

/** Notes one that is over, if what was thrown says so: of the others the sender may go on with. */
export function noteFailure(
  by: NotedBy,
  upload: UploadId,
  { path, bytes }: { path: string; bytes: number },
  error: unknown
): void {
  if (!hasCode(error, ...FATAL_CODES)) return
  note(by, by.actor === undefined ? 'link.upload' : 'upload', upload, { path, bytes, error, ...ownerOf(by) })
}

const ownerOf = ({ actor }: NotedBy): Pick<HistoryEvent, 'actor' | 'owner'> =>
  actor === undefined ? {} : { actor, owner: actor.user }

function note(
  { history, request }: NotedBy,
  action: 'upload' | 'link.upload',
  upload: UploadId,
  fields: Omit<HistoryEvent, 'action' | 'request'>
): void {
  const id = historyIdFrom(action, upload)
  history.record({ request, id, action, durationMs: history.sinceBegan(upload), ...fields })
}

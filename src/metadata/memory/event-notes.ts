/** As operations/event-notes.ts. */

import type { EventData, EventType } from '../../events.ts'
import type { PoolId } from '../../pools.ts'
import type { FileId, UserId, UserRecord } from '../../types.ts'
import { accountEvent, fileEvent, sessionEvent, shareData } from '../event-facts.ts'
import type { FileFacts, SessionEnd } from '../event-facts.ts'
import { eventActor, writeEvent } from './events.ts'
import type { EntryRow, LinkRow, SessionRow, State } from './state.ts'

/** Which version; default: the one that counts. `file`: content of a version whose record may be gone. */
interface Which {
  version?: number | undefined
  file?: FileId | undefined
}

export function fileFacts(state: State, row: EntryRow, { version, file }: Which = {}): FileFacts {
  const number = version ?? row.shown
  const content =
    row.versions.get(number)?.record ?? (file === undefined ? undefined : state.files.get(file)?.record)
  return {
    entry: row.id,
    owner: row.owner,
    path: row.path,
    changedAt: row.changedAt,
    version: number,
    sizeBytes: content?.sizeBytes ?? 0,
    sha256: content?.sha256 ?? null,
    mediaType: content?.mediaType ?? 'application/octet-stream'
  }
}

export interface NotedFile extends Which {
  type: EventType
  at: number
  by?: UserId | undefined
  more?: EventData | undefined
}

/** Nobody is told of its files one by one. */
export const isPools = (state: State, { owner }: Pick<EntryRow, 'owner'>): boolean =>
  state.pools.has(owner as string as PoolId)

export function noteFile(state: State, row: EntryRow, { type, at, by, more, ...which }: NotedFile): void {
  if (isPools(state, row)) return
  const actor = eventActor(state, by)
  writeEvent(state, fileEvent(fileFacts(state, row, which), { type, at, actor, more }))
}

/** Of a link that was made of a user's file; nothing for another one. */
export function noteLink(
  state: State,
  { share, record }: LinkRow,
  noted: Pick<NotedFile, 'type' | 'at' | 'by'>
): void {
  const row = share && state.entries.get(share.entry)
  if (share === undefined || row === undefined) return
  const which = { version: share.version, file: record.fileId }
  noteFile(state, row, { ...noted, ...which, more: shareData(record) })
}

/** @param reason why it ended; undefined: it began */
export function noteSession(
  state: State,
  { record: { id, user, kind, name } }: SessionRow,
  { at, by, reason }: { at: number; by?: UserId | undefined; reason?: SessionEnd | undefined }
): void {
  const actor = eventActor(state, by)
  writeEvent(state, sessionEvent({ id, user, kind, name }, { at, actor, reason }))
}

export function noteAccount(
  state: State,
  before: UserRecord,
  after: UserRecord,
  { at, by }: { at: number; by?: UserId | undefined }
): void {
  const event = accountEvent(before, after, { at, actor: eventActor(state, by) })
  if (event !== undefined) writeEvent(state, event)
}

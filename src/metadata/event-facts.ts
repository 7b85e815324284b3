/** What events say of a change: both stores build them here, so that they agree to the letter. */

import { createHash } from 'node:crypto'
import { userStream } from '../events.ts'
import type { EventData, EventType, StoredEvent } from '../events.ts'
import type { StatusChange } from '../metadata-store.ts'
import { uuidOf } from '../runtime/random.ts'
import type { EntryId, EventId, LinkRecord, SessionId, SessionKind, UserId, UserRecord } from '../types.ts'

/** Setting of the metadata that holds the epoch. */
export const EPOCH_SETTING = 'events.epoch'

/** An event before it has its place. */
export type NewEvent = Omit<StoredEvent, 'seq' | 'number' | 'id'>

/** Who did it; null: nobody with an account, an operator, or the cluster itself. */
export type EventActor = { id: UserId; name: string } | null

/**
 * The id follows from what is told, with its place. A place that is given twice, since the metadata were recovered in between, is another moment, so that it is another id; and a
 * repeat of the transaction is the same one.
 */
export const eventIdOf = ({ stream, type, at, subject, data }: NewEvent, number: number): EventId =>
  uuidOf(
    createHash('sha256')
      .update(JSON.stringify([stream, number, type, at, subject, data]))
      .digest()
      .subarray(0, 16)
  ) as EventId

export const isoTime = (ms: number): string => new Date(ms).toISOString()

export const actorData = (actor: EventActor) => ({
  actor_id: actor?.id ?? null,
  actor_name: actor?.name ?? null
})

/** A file, in the version that it is about. */
export interface FileFacts {
  entry: EntryId
  owner: UserId
  path: string
  changedAt: number
  version: number
  sizeBytes: number
  sha256: string | null
  mediaType: string
}

interface Told {
  type: EventType
  at: number
  actor: EventActor
  more?: EventData | undefined
}

export const fileEvent = (file: FileFacts, { type, at, actor, more }: Told): NewEvent => ({
  stream: userStream(file.owner),
  type,
  at,
  subject: file.entry,
  data: {
    file_id: file.entry,
    path: file.path,
    version: file.version,
    file_size: file.sizeBytes,
    sha256: file.sha256,
    media_type: file.mediaType,
    changed_at: isoTime(file.changedAt),
    ...actorData(actor),
    ...more
  }
})

/** What was changed of a file beside its content and path. */
export const changeData = ({
  metadata,
  expiresAt
}: {
  metadata: object | undefined
  expiresAt: number | null
}): EventData => ({
  metadata_changed: metadata !== undefined,
  expires_at: expiresAt === null ? null : isoTime(expiresAt)
})

/** Characters of a hash that name a share, as its routes do (edge/user-files/answers.ts). */
const SHARE_LENGTH = 16

/** What is told of a link beside its file: nothing that opens it. */
export const shareData = ({ tokenHash, downloads, claimed, expiresAt }: LinkRecord): EventData => ({
  share: tokenHash.slice(0, SHARE_LENGTH),
  downloads,
  downloads_left: downloads - claimed,
  expires_at: isoTime(expiresAt)
})

/** Told of the file as it was uploaded, and by nobody: what becomes of it is the cluster's doing. */
export const statusEvent = (
  change: StatusChange,
  { sha256, mediaType, changedAt }: Pick<FileFacts, 'sha256' | 'mediaType' | 'changedAt'>
): NewEvent =>
  fileEvent(
    { ...change, sha256, mediaType, changedAt },
    {
      type: 'upload.status',
      at: change.at,
      actor: null,
      more: { status: change.status, error: change.code, attempts: change.attempts }
    }
  )

/** Why a session or key ended before its time. */
export type SessionEnd = 'ended' | 'password' | 'disabled' | 'too-many' | 'recovery'

export interface SessionFacts {
  id: SessionId
  user: UserId
  kind: SessionKind
  name: string
}

export const sessionEvent = (
  { id, user, kind, name }: SessionFacts,
  { at, actor, reason }: { at: number; actor: EventActor; reason?: SessionEnd | undefined }
): NewEvent => ({
  stream: userStream(user),
  type: reason === undefined ? 'session.started' : 'session.revoked',
  at,
  subject: id,
  data: { session_id: id, kind, name, ...(reason !== undefined && { reason }), ...actorData(actor) }
})

/** Undefined where nothing is another than before. */
export function accountEvent(
  before: UserRecord,
  after: UserRecord,
  { at, actor }: { at: number; actor: EventActor }
): NewEvent | undefined {
  const changed = (['name', 'role', 'state', 'quotaBytes'] as const).filter(
    (field) => before[field] !== after[field]
  )
  if (changed.length === 0) return undefined
  const { id, name, role, state, quotaBytes } = after
  return {
    stream: userStream(id),
    type: 'account.changed',
    at,
    subject: id,
    data: { user_id: id, username: name, role, state, quota_bytes: quotaBytes, ...actorData(actor) }
  }
}

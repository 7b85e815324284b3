/** Records of the history in the names that HTTP has for them, as far as whoever asks may see them. */

import { z } from 'zod'
import { HISTORY_ACTIONS } from '../../history.ts'
import type { StoredHistory } from '../../history.ts'
import { isoTime } from '../accounts/answers.ts'
import type { Actor } from '../accounts/actor.ts'

const text = z.string().nullable()
const int = z.int().nullable()

export const recordSchema = z.object({
  seq: z.int().describe('rises from record to record, with gaps'),
  id: z.string(),
  at: z.string().describe('when it was over, ISO 8601'),
  action: z.enum(HISTORY_ACTIONS),
  actor_id: text.describe('who did it; null: nobody with an account'),
  actor_name: text.describe('their name then'),
  owner_id: text.describe('whose file, share or account it was about'),
  file_id: text,
  version: int,
  path: text,
  bytes: int.describe('received or sent, of a transfer that was cut off too'),
  duration_ms: int,
  attempts: int,
  outcome: z.string().describe('`ok` or the code of an error'),
  address: text.describe(
    'of the client; told to whoever did it, to the owner of a shared file, and to admins'
  ),
  session_id: text.describe('of whoever did it, as address'),
  status: text.describe('of `upload.status`: cached, uploaded_successfully or upload_failed'),
  detail: text.describe('what the action needs beside: the new path of `rename`, the role, the quota, a name')
})
export type RecordAnswer = z.output<typeof recordSchema>

export const historyPageSchema = z.object({
  records: z.array(recordSchema),
  next: text.describe('`after` of the next page; null: there is none')
})

/** Users see where they themselves were, and where nobody known came from: not where an administrator sits. */
const seesOrigin = ({ user, role }: Actor, { actor }: StoredHistory): boolean =>
  role === 'admin' || actor === null || actor === user

/** Who was turned away at somebody else's file is not told by the record whose it was, and what it is called: the owner and administrators are. */
const wasTurnedAway = ({ user, role }: Actor, { owner, outcome }: StoredHistory): boolean =>
  role !== 'admin' && outcome !== 'ok' && owner !== null && owner !== user

export function recordAnswer(record: StoredHistory, viewer: Actor): RecordAnswer {
  const isOpen = seesOrigin(viewer, record)
  const isForeign = wasTurnedAway(viewer, record)
  const isStatus = record.action === 'upload.status'
  return {
    seq: record.seq,
    id: record.id,
    at: isoTime(record.at),
    action: record.action,
    actor_id: record.actor,
    actor_name: record.actorName,
    owner_id: isForeign ? null : record.owner,
    file_id: record.entry ?? record.file,
    version: record.version,
    path: isForeign ? null : record.path,
    bytes: record.bytes,
    duration_ms: record.durationMs,
    attempts: record.attempts,
    outcome: record.outcome,
    address: isOpen ? record.address : null,
    session_id: isOpen ? record.session : null,
    status: isStatus ? record.detail : null,
    detail: isStatus ? null : record.detail
  }
}

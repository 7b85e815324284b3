/** One example of every message about the history, events and webhooks: see samples.ts. */

import { eventSamples } from './event-samples.ts'
import { webhookSamples } from './webhook-samples.ts'
import type { StoredHistory } from '../../src/history.ts'
import type { HistoryMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { EntryId, FileId, HistoryId, SecretHash, SessionId, UserId } from '../../src/types.ts'

const now = 1_795_262_460_000
const user = '00000000-0000-4000-8000-000000000004' as UserId
const entry = '00000000-0000-4000-8000-000000000008' as EntryId

const record: Omit<StoredHistory, 'seq'> = {
  id: '00000000-0000-4000-8000-000000000009' as HistoryId,
  at: now,
  action: 'download',
  actor: user,
  actorName: 'Zoë Müller',
  owner: '00000000-0000-4000-8000-00000000000a' as UserId,
  entry,
  version: 3,
  file: '00000000-0000-4000-8000-000000000001' as FileId,
  path: 'reports/résumé.pdf',
  bytes: 5_000_000_000,
  durationMs: 61_500,
  attempts: 2,
  outcome: 'aborted',
  address: '2001:db8::/64',
  session: '00000000-0000-4000-8000-000000000005' as SessionId,
  detail: 'x'
}
const bare: typeof record = {
  id: '00000000-0000-4000-8000-00000000000b' as HistoryId,
  at: now + 1,
  action: 'login-failed',
  actor: null,
  actorName: null,
  owner: null,
  entry: null,
  version: null,
  file: null,
  path: null,
  bytes: null,
  durationMs: null,
  attempts: null,
  outcome: 'login-failed',
  address: null,
  session: null,
  detail: null
}

export const historySamples: {
  [K in keyof HistoryMessages]: {
    request: RequestOf<HistoryMessages, K>
    response: ResponseOf<HistoryMessages, K>
  }
} & typeof eventSamples &
  typeof webhookSamples = {
  ...eventSamples,
  ...webhookSamples,
  recordHistory: {
    request: { records: [{ ...record, link: 'ab'.repeat(32) as SecretHash }, bare] },
    response: {}
  },
  listHistory: {
    request: {
      actor: { user, role: 'user', scopes: ['history:read'] },
      of: user,
      file: entry,
      action: 'download',
      from: now - 1000,
      to: now + 1000,
      order: 'newest',
      seq: 50,
      limit: 100
    },
    response: { records: [{ ...record, seq: 42 }], next: 42 }
  }
}

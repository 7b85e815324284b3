/** One example of every message about events: see samples.ts. */

import { userStream } from '../../src/events.ts'
import type { StoredEvent } from '../../src/events.ts'
import type { EventMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { EventId, UserId } from '../../src/types.ts'

const user = '00000000-0000-4000-8000-000000000004' as UserId
const entry = '00000000-0000-4000-8000-000000000008'

const event: StoredEvent = {
  seq: 4711,
  stream: userStream(user),
  number: 42,
  id: '00000000-0000-4000-8000-00000000000c' as EventId,
  type: 'file.moved',
  at: 1_795_262_460_000,
  subject: entry,
  data: { file_id: entry, path: 'reports/résumé.pdf', version: 3, sha256: null, metadata_changed: true }
}
const page = { events: [event], epoch: '0123456789', from: 12, last: 4712, more: false }

export const eventSamples: {
  [K in keyof EventMessages]: {
    request: RequestOf<EventMessages, K>
    response: ResponseOf<EventMessages, K>
  }
} = {
  followEvents: { request: { after: 4710, limit: 500, waitMs: 5000 }, response: page },
  listEvents: {
    request: {
      actor: { user, role: 'user', scopes: ['history:read'] },
      stream: userStream(user),
      after: 41,
      limit: 500,
      waitMs: 0
    },
    response: { ...page, from: 0, last: 42, seq: 4712 }
  }
}

/** The history, as part of the control protocol: what edges note, and what is asked about it. docs/history.md explains it. */

import { z } from 'zod'
import { HISTORY_ACTIONS } from '../../history.ts'
import { HISTORY_DETAIL_BYTES_MAX, HISTORY_NAME_BYTES_MAX, HISTORY_RECORDS_MAX } from '../limits.ts'
import * as s from '../schema.ts'
import { actor } from './account-messages.ts'

const noBodies = { requestBody: false, responseBody: false } as const

/** What is null on the wire need not be sent. */
const optional = <T>(schema: z.ZodType<T, T>) => schema.nullable().default(null)
const fields = {
  id: s.historyId,
  at: s.timeMs,
  action: z.enum(HISTORY_ACTIONS),
  actor: optional(s.userId),
  actorName: optional(s.textWithin(HISTORY_NAME_BYTES_MAX)),
  owner: optional(s.userId),
  entry: optional(s.entryId),
  version: optional(s.count),
  file: optional(s.fileId),
  path: optional(s.textWithin(HISTORY_DETAIL_BYTES_MAX)),
  bytes: optional(s.count),
  durationMs: optional(s.count),
  attempts: optional(s.count),
  outcome: z.string().regex(/^[a-z][a-z-]{0,63}$/, 'not a code'),
  address: optional(z.string().max(64)),
  session: optional(s.sessionId),
  detail: optional(s.textWithin(HISTORY_DETAIL_BYTES_MAX))
}
/** `link`: whose file, entry and version are looked up; it is not kept. */
const record = z.object({ ...fields, link: s.secretHash.optional() })
const stored = z.object({ ...fields, seq: s.count })
const pageLimit = z.int().min(1).max(HISTORY_RECORDS_MAX)
const page = z.object({ records: z.array(stored).max(HISTORY_RECORDS_MAX), next: s.count.nullable() })

export const historyMessages = {
  /** What an edge noted since it sent the last batch. A batch that is sent again is kept once. */
  recordHistory: {
    request: z.object({ records: z.array(record).min(1).max(HISTORY_RECORDS_MAX) }),
    response: z.object({}),
    ...noBodies
  },
  /**
   * A page, by number, from `seq` on: `newest` first unless `order` says otherwise. Without `of` everybody's, which only administrators may see; others see what they did and what
   * was done to what is theirs. A page may be shorter than asked for, or empty, and there is more while `next` is not null. @throws `permission-denied`
   */
  listHistory: {
    request: z.object({
      actor,
      of: s.userId.optional(),
      /** An entry, or the file of an anonymous link. */
      file: z.union([s.entryId, s.fileId]).optional(),
      action: z.enum(HISTORY_ACTIONS).optional(),
      from: s.timeMs.optional(),
      to: s.timeMs.optional(),
      order: z.enum(['newest', 'oldest']).optional(),
      seq: s.count.optional(),
      limit: pageLimit
    }),
    response: page,
    ...noBodies
  }
} as const

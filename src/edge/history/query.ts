/** What is asked of the history, as it stands in an address. */

import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { HISTORY_ACTIONS } from '../../history.ts'
import type { ControlMessages, RequestOf } from '../../protocol/messages.ts'
import { HISTORY_RECORDS_MAX } from '../../protocol/limits.ts'
import type { EntryId } from '../../types.ts'

export type HistoryRequest = Omit<RequestOf<ControlMessages, 'listHistory'>, 'actor'>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** A day, or a moment with its offset from UTC. */
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/

const time = (what: string) =>
  z.string().optional().describe(`${what}: ISO 8601, a moment with its offset or a day (UTC)`)

export const historyQuery = z.strictObject({
  file: z.string().optional().describe('file_id'),
  action: z.enum(HISTORY_ACTIONS).optional(),
  from: time('from this moment on'),
  to: time('before this moment'),
  order: z.enum(['newest', 'oldest']).default('newest').describe('which come first'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(HISTORY_RECORDS_MAX)
    .default(100)
    .describe('a page may have fewer, or none, and still a next one'),
  after: z.string().optional().describe('`next` of the page before'),
  format: z
    .enum(['json', 'jsonl'])
    .optional()
    .describe('jsonl: all of it, a record a line; so does Accept: application/x-ndjson')
})
export type HistoryQueryString = z.output<typeof historyQuery>

export const accessLogQuery = historyQuery.extend({
  user: z
    .string()
    .optional()
    .describe('user_id, or a name: what they did, and what was done to what is theirs')
})

const invalid = (field: string, message: string): PeerbinError =>
  new PeerbinError('invalid-field', `${field}: ${message}`, { details: { field } })

/** @throws `invalid-field` */
export function historyRequest(query: HistoryQueryString): HistoryRequest {
  const { file, action, from, to, order, limit, after } = query
  return {
    order,
    limit,
    ...(file !== undefined && { file: uuidOf(file) }),
    ...(action !== undefined && { action }),
    ...(from !== undefined && { from: timeOf(from, 'from') }),
    ...(to !== undefined && { to: timeOf(to, 'to') }),
    ...(after !== undefined && { seq: seqOf(after, 'after') })
  }
}

export const isUuid = (text: string): boolean => UUID.test(text)

function uuidOf(text: string): EntryId {
  const id = text.toLowerCase()
  if (!isUuid(id)) throw invalid('file', 'a file_id is needed')
  return id as EntryId
}

function timeOf(text: string, field: string): number {
  const at = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isInteger(at) || at < 0) throw invalid(field, 'a time is needed, as 2026-11-22T08:00:00Z')
  return at
}

/** A number that a record may have. @throws `invalid-field` */
export function seqOf(text: string, field: string): number {
  if (!/^(?:0|[1-9]\d{0,14})$/.test(text)) throw invalid(field, 'the `next` of an earlier answer is needed')
  return Number(text)
}

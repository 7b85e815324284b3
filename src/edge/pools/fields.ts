/** What stands in paths, queries and bodies of pools' routes: ids, times, places in lists. */

import { z } from 'zod'
import type { ErrorCode } from '../../error-codes.ts'
import { PeerbinError } from '../../errors.ts'
import type { GroupCursor } from '../../metadata-pools.ts'
import { POOLS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import * as s from '../../protocol/schema.ts'
import type { BatchId, GroupId, JoinKeyId, PoolId } from '../../pools.ts'
import type { EntryId, UserId } from '../../types.ts'
import { numberOf } from '../routes/files/shared.ts'
import { invalid } from '../user-files/fields.ts'

/** An id in a path. @throws the code for what cannot be one: there is nothing by that name */
const idOf =
  <Id>(code: ErrorCode) =>
  (text: string): Id => {
    const parsed = s.fileId.safeParse(text.toLowerCase())
    if (!parsed.success) throw new PeerbinError(code)
    return parsed.data as Id
  }

export const poolIdOf = idOf<PoolId>('pool-unknown')
export const batchIdOf = idOf<BatchId>('batch-unknown')
export const groupIdOf = idOf<GroupId>('group-unknown')
export const joinKeyIdOf = idOf<JoinKeyId>('join-key-unknown')
export const poolFileIdOf = idOf<EntryId>('file-unknown')

/** A member in a path; `me` is whoever asks. @throws `member-unknown` */
export const memberIdOf = (text: string, me: UserId): UserId =>
  text === 'me' ? me : idOf<UserId>('member-unknown')(text)

/** Position of a file in its batch, in a path. @throws `file-unknown` */
export function indexOf(text: string): number {
  if (!/^(?:0|[1-9]\d{0,5})$/.test(text)) throw new PeerbinError('file-unknown')
  return Number(text)
}

/** An id of somebody's choice. @throws `invalid-field` */
function chosenId(text: string, field: string): string {
  const parsed = s.fileId.safeParse(text.toLowerCase())
  if (!parsed.success) throw invalid(field, 'a UUID of version 4 is needed')
  return parsed.data
}

/** The id that somebody chose for a batch, in a body. @throws `invalid-field` */
export const newBatchId = (text: string, field: string): BatchId => chosenId(text, field) as BatchId

/** What a server calls its asking for work. @throws `invalid-field` */
export const requestIdOf = (text: string): string => chosenId(text, 'request')

/** With a time zone: what a clock on a wall says is nothing to compare with another machine's. Seconds may be left out. */
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/i
const MS = /^\d{1,15}$/
const TIME_MS_MAX = 1e15 - 1

/** Ms since 1970, of those or of ISO 8601; undefined for what is neither. */
export function timeFrom(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 0 && value <= TIME_MS_MAX ? value : undefined
  if (typeof value !== 'string') return undefined
  if (MS.test(value)) return Number(value)
  const time = ISO.test(value) ? Date.parse(value) : NaN
  return time >= 0 ? time : undefined
}

const TIME_NEEDED = 'a time is needed: ISO 8601 with its zone, or ms since 1970'

/** For bodies. */
export const timeSchema = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const time = timeFrom(value)
    if (time !== undefined) return time
    context.addIssue(TIME_NEEDED)
    return z.NEVER
  })
  .describe('ISO 8601 with its zone, or ms since 1970')

/** A time of a query. @throws `invalid-field` */
export function timeOf(text: string | undefined, field: string): number | undefined {
  if (text === undefined || text === '') return undefined
  const time = timeFrom(text)
  if (time === undefined) throw invalid(field, TIME_NEEDED)
  return time
}

/** Of a page of a list. @throws `invalid-field` */
export const pageLimitOf = (text: string | undefined, max: number = POOLS_PER_PAGE_MAX): number =>
  numberOf(text, 'limit', { min: 1, max, otherwise: max })

/** Where a page begins that goes by id. @throws `invalid-field` */
export function afterOf<Id>(text: string | undefined): Id | undefined {
  if (text === undefined || text === '') return undefined
  const parsed = s.fileId.safeParse(text.toLowerCase())
  if (!parsed.success) throw invalid('after', 'the `next` of an earlier answer is needed')
  return parsed.data as Id
}

export const groupCursorText = ({ start, generation }: GroupCursor): string => `${start}.${generation}`

/** @throws `invalid-field` */
export function groupCursorOf(text: string | undefined): GroupCursor | undefined {
  if (text === undefined || text === '') return undefined
  const [, start, generation] = /^(\d{1,15})\.(\d{1,9})$/.exec(text) ?? []
  if (start === undefined || generation === undefined)
    throw invalid('before', 'the `next` of an earlier answer is needed')
  return { start: Number(start), generation: Number(generation) }
}

/** A yes of a query. @throws `invalid-field` */
export function yesOf(text: string | undefined, field: string): boolean {
  if (text === undefined || text === '' || text === '0' || text === 'false') return false
  if (text === '1' || text === 'true') return true
  throw invalid(field, '1 or 0 is needed')
}

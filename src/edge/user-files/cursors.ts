/** Where a page of a list begins, as text that clients hand back as they got it. Nothing in it is secret, and nothing it says is believed: the controller looks at who asks. */

import { z } from 'zod'
import type { ControlMessages, RequestOf } from '../../protocol/messages.ts'
import { entryCursor } from '../../protocol/messages/user-file-messages.ts'
import * as s from '../../protocol/schema.ts'
import { invalid } from './fields.ts'

type ListRequest = RequestOf<ControlMessages, 'listEntries'>
export type EntryCursor = NonNullable<ListRequest['after']>
export type ShareCursor = NonNullable<RequestOf<ControlMessages, 'listShares'>['after']>

/** What a place in a list belongs to: in another order it is somewhere else. */
export type EntryOrder = Pick<ListRequest, 'sort' | 'order'>

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** @throws `invalid-field` */
function decode<Schema extends z.ZodType>(text: string, field: string, schema: Schema): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    value = undefined
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(field, 'the `next` of an earlier answer is needed, with the same other parameters')
}

export const encodeEntryCursor = (
  { sort, order }: EntryOrder,
  { id, owner, path, value }: EntryCursor
): string => encode([sort, order, id, owner, path, value])

/** @throws `invalid-field`, also for one of another order */
export function decodeEntryCursor({ sort, order }: EntryOrder, text: string, field: string): EntryCursor {
  const { shape } = entryCursor
  const tuple = z.tuple([z.literal(sort), z.literal(order), shape.id, shape.owner, shape.path, shape.value])
  const [, , id, owner, path, value] = decode(text, field, tuple)
  return { id, owner, path, value }
}

export const encodeShareCursor = ({ createdAt, tokenHash }: ShareCursor): string =>
  encode([createdAt, tokenHash])

/** @throws `invalid-field` */
export function decodeShareCursor(text: string, field: string): ShareCursor {
  const [createdAt, tokenHash] = decode(text, field, z.tuple([s.timeMs, s.secretHash]))
  return { createdAt, tokenHash }
}

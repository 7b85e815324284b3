/** What happened to a user's things, as clients are told of it: each event is written in the transaction of the change. docs/events.md explains them. */

import type { EventId, EventStream, UserId } from './types.ts'

export const EVENT_TYPES = [
  'file.added',
  'file.edited',
  'file.moved',
  'file.changed',
  'file.removed',
  'file.expired',
  'version.removed',
  'file.shared',
  'file.unshared',
  'link.redeemed',
  'upload.status',
  'session.started',
  'session.revoked',
  'account.changed',
  'webhook.disabled',
  'pool.changed',
  'pool.deleted',
  'member.joined',
  'member.changed',
  'member.removed',
  'producers.silent',
  'batch.committed',
  'group.opened',
  'group.closed',
  'group.taken',
  'group.done',
  'group.failed'
] as const
/** Append-only: stored events and clients have them. */
export type EventType = (typeof EVENT_TYPES)[number]

/** Flat, at most EVENT_DATA_BYTES_MAX as JSON; in the names that HTTP has for them. Never a token, a secret or a password. */
export type EventData = Readonly<Record<string, string | number | boolean | null>>

export interface StoredEvent {
  /** Place among all events: rises, with gaps. */
  seq: number
  stream: EventStream
  /** Place in its stream: 1, 2, 3, … without a gap, in the order of the changes. */
  number: number
  /** The same whenever this event is told; another one for any other event, also for one with the same number after a recovery. */
  id: EventId
  type: EventType
  /** When it happened: the store's time. */
  at: number
  /** What it is about: the id of a file, a session or a user. */
  subject: string
  data: EventData
}

/** Where events of a user stand. */
export const userStream = (user: UserId): EventStream => `user:${user}` as EventStream

/** Whose stream it is; undefined: no user's. */
export const streamOwner = (stream: EventStream): UserId | undefined =>
  stream.startsWith('user:') ? (stream.slice('user:'.length) as UserId) : undefined

/**
 * Where a listener is: every event up to here is behind it. `EPOCH.NUMBER` in a stream, `EPOCH.sSEQ` among everybody's. The epoch is another one once the metadata were
 * recovered or restored, since numbers may be given twice then.
 */
export interface EventCursor {
  epoch: string
  /** `number` of the stream, or `seq`. */
  place: number
  isGlobal: boolean
}

const CURSOR = /^([a-z0-9]{4,16})\.(s?)(0|[1-9][0-9]{0,15})$/

export const cursorText = ({ epoch, place, isGlobal }: EventCursor): string =>
  `${epoch}.${isGlobal ? 's' : ''}${place}`

/** Undefined for what is no cursor. */
export function parseCursor(text: string): EventCursor | undefined {
  const [, epoch, kind, digits] = CURSOR.exec(text) ?? []
  const place = Number(digits)
  if (epoch === undefined || !Number.isSafeInteger(place)) return undefined
  return { epoch, place, isGlobal: kind === 's' }
}

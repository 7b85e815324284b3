/** Tables of events. */

import type { EventType } from '../events.ts'
import type { EventStream } from '../types.ts'

/** Whose events there are, by a number for the rows of them. */
export interface EventStreamsTable {
  /** meta.streams */
  no: number
  name: EventStream
  /** Number of the newest event ever. */
  last: number
  /** Of the oldest that is kept; last + 1: none is. */
  oldest: number
}

/** Docs: src/events.ts. */
export interface EventsTable {
  /** meta.events */
  seq: number
  stream: number
  number: number
  id: Uint8Array
  type: EventType
  at: number
  subject: string
  /** JSON */
  data: string
}

export interface EventTables {
  event_streams: EventStreamsTable
  events: EventsTable
}

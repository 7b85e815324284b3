/** Events as everybody outside sees them: CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */

import { z } from 'zod'
import { EVENT_TYPES, streamOwner } from '../../events.ts'
import type { StoredEvent } from '../../events.ts'
import { streamPool } from '../../pools.ts'
import type { ToldEvent } from './listening.ts'

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json'
export const CLOUD_EVENTS_TYPE = 'application/cloudevents-batch+json'

/** Digits of a safe integer: texts of one length are in the order of their numbers. */
const SEQUENCE_DIGITS = 16

export const cloudEventSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string().describe('UUID; the same whenever this event is told again'),
  source: z.string().describe('`/peerbin/` and the name of the cluster'),
  type: z.enum(EVENT_TYPES),
  subject: z
    .string()
    .describe('what it is about: a file_id, a session_id, a user_id, the id of a batch or a group'),
  time: z.string().describe('when it happened, ISO 8601'),
  datacontenttype: z.literal('application/json'),
  sequence: z
    .string()
    .describe('its number among the events of this user or pool, without a gap; as texts they are in order'),
  cursor: z.string().describe('whoever has dealt with it asks for what comes `after` this'),
  owner: z
    .string()
    .nullable()
    .describe('user_id of whose things these are; null: nobody’s, as those of a pool'),
  pool: z.string().optional().describe('UUID of the pool whose event it is; of other events it is not there'),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
})
export type CloudEvent = z.output<typeof cloudEventSchema>

/** @param clusterName of the cluster it happened in */
export function cloudEvent(event: StoredEvent & { cursor: string }, clusterName: string): CloudEvent {
  const pool = streamPool(event.stream)
  return {
    specversion: '1.0',
    id: event.id,
    source: `/peerbin/${encodeURIComponent(clusterName)}`,
    type: event.type,
    subject: event.subject,
    time: new Date(event.at).toISOString(),
    datacontenttype: 'application/json',
    sequence: String(event.number).padStart(SEQUENCE_DIGITS, '0'),
    cursor: event.cursor,
    owner: streamOwner(event.stream) ?? null,
    ...(pool !== undefined && { pool }),
    data: { ...event.data }
  }
}

const texts = new WeakMap<ToldEvent, { readonly text: string; readonly clusterName: string }>()

/** The same as JSON, made once for all who are told the event. */
export function cloudEventText(event: ToldEvent, clusterName: string): string {
  const known = texts.get(event)
  if (known?.clusterName === clusterName) return known.text
  const text = JSON.stringify(cloudEvent(event, clusterName))
  texts.set(event, { text, clusterName })
  return text
}

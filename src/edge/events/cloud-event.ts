/** Events as everybody outside sees them: CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */

import { z } from 'zod'
import { EVENT_TYPES, streamOwner } from '../../events.ts'
import type { StoredEvent } from '../../events.ts'

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json'
export const CLOUD_EVENTS_TYPE = 'application/cloudevents-batch+json'

/** Digits of a safe integer: texts of one length are in the order of their numbers. */
const SEQUENCE_DIGITS = 16

export const cloudEventSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string().describe('UUID; the same whenever this event is told again'),
  source: z.string().describe('`/peerbin/` and the name of the cluster'),
  type: z.enum(EVENT_TYPES),
  subject: z.string().describe('what it is about: a file_id, a session_id or a user_id'),
  time: z.string().describe('when it happened, ISO 8601'),
  datacontenttype: z.literal('application/json'),
  sequence: z
    .string()
    .describe('its number among the events of this user, without a gap; as texts they are in order'),
  cursor: z.string().describe('whoever has dealt with it asks for what comes `after` this'),
  owner: z.string().nullable().describe('user_id of whose things these are'),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
})
export type CloudEvent = z.output<typeof cloudEventSchema>

/** @param clusterName of the cluster it happened in */
export const cloudEvent = (event: StoredEvent & { cursor: string }, clusterName: string): CloudEvent => ({
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
  data: { ...event.data }
})

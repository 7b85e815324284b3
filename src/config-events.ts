/** Settings of events, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, SECOND, ms, num } from './config-kinds.ts'

const events = z.strictObject({
  retentionMs: ms(30 * DAY, 'events are forgotten after so long: whoever was away for longer begins anew'),
  recordsMax: num(
    1000,
    1_000_000_000,
    500_000,
    'and the oldest of whoever has most before that, when there are more in all: about 0.6 KiB each in the metadata, and in every snapshot of it'
  ),
  perStreamMax: num(100, 1_000_000_000, 200_000, 'events that are kept of one user'),
  heartbeatMs: ms(15 * SECOND, 'a listener hears at least so often that the connection lives'),
  listenersPerUser: num(1, 10_000, 16, 'connections of one user that listen to events, on one edge'),
  listenersMax: num(1, 1_000_000, 20_000, 'and of all users together')
})

/** By section, for descriptions. */
export const eventSections = { events }
/** What stands in the schema of the configuration. */
export const eventShape = { events: events.prefault({}) }

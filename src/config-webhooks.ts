/** Settings of webhooks, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, HOUR, MINUTE, SECOND, ms, num } from './config-kinds.ts'
import { isNetwork } from './config-lists.ts'

/** Attempts of one event are at most this many and one. */
const RETRIES_MAX = 32

const webhooks = z.strictObject({
  allow: z
    .array(z.string().refine(isNetwork, { error: 'an address or a network such as 10.0.0.0/8 is needed' }))
    .default([])
    .describe(
      'addresses and networks that webhooks may reach although they are private: 10.1.2.0/24, 127.0.0.1'
    ),
  insecure: z
    .boolean()
    .default(false)
    .describe('webhooks may use http to anywhere; false: only to what webhooks.allow names, and https else'),
  perUserMax: num(1, 1000, 20, 'webhooks of one user'),
  connectMs: ms(10 * SECOND, 'a name must be resolved, and a connection made, within so long'),
  answerMs: ms(10 * SECOND, 'and the answer must have come after so long'),
  leaseMs: num(
    1 * SECOND,
    10 * MINUTE,
    30 * SECOND,
    'an edge that takes a webhook has it for so long, unless it goes on: after that another one may take it (ms). Longer than a connection and an answer together'
  ),
  concurrent: num(1, 1000, 64, 'webhooks that one edge works on at once'),
  concurrentPerUser: num(
    1,
    1000,
    2,
    'webhooks of one user that are told something at once, at all edges together; the others of them wait'
  ),
  waitMs: ms(20 * SECOND, 'an edge asks for work, and waits for some, for so long at a time'),
  retryMs: z
    .array(
      z
        .int()
        .min(1)
        .max(30 * DAY)
    )
    .max(RETRIES_MAX)
    .default([5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 1 * HOUR, 3 * HOUR, 8 * HOUR, 12 * HOUR])
    .describe(
      'an event that was not taken is tried again after so long each, a tenth more or less; after the last of them it is given up (ms)'
    ),
  refusedMax: num(1, 100, 3, 'and after so many attempts if the receiver refuses it for good: most 4xx'),
  retryAfterMaxMs: ms(1 * HOUR, 'a receiver may ask for a pause of so long'),
  deadInRowMax: num(1, 1000, 5, 'a webhook is disabled when so many events in a row were given up'),
  failingMs: ms(5 * DAY, 'or when nothing but failures came for so long'),
  secretOverlapMs: ms(1 * DAY, 'a secret that was replaced signs beside the new one for so long'),
  testsPerMinute: num(1, 10_000, 10, 'tests of webhooks that one user may send in a minute, per edge')
})

/** By section, for descriptions. */
export const webhookSections = { webhooks }
/** What stands in the schema of the configuration. */
export const webhookShape = { webhooks: webhooks.prefault({}) }

/** Settings of the history, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, MINUTE, SECOND, ms, num } from './config-kinds.ts'
import { HISTORY_LATE_MS_MAX } from './history.ts'

const history = z.strictObject({
  retentionMs: ms(90 * DAY, 'records are forgotten after so long'),
  recordsMax: num(
    1000,
    1_000_000_000,
    200_000,
    'and the oldest above so many are forgotten before that: about 0.4 KiB each in the metadata, and in every snapshot of it'
  ),
  sendMs: ms(
    1 * SECOND,
    'an edge sends what it noted after so long, or when it is a batch; what an edge noted since is lost if it is killed'
  ),
  waitingMax: num(
    1,
    1_000_000,
    10_000,
    'records that an edge keeps while no controller answers, at about 1 KiB; further ones are dropped, and counted in its log'
  ),
  holdMs: num(
    1,
    HISTORY_LATE_MS_MAX / 2,
    30 * MINUTE,
    'and for so long at most; older ones are dropped and counted (ms)'
  ),
  recordsPerMinute: num(
    0,
    10_000_000,
    1000,
    'records of one user, or of one address without an account, within a minute, per edge, and as many of downloads and of what is refused; further ones are dropped and counted, so that nobody pushes out what others did; 0: any'
  )
})

/** By section, for descriptions. */
export const historySections = { history }
/** What stands in the schema of the configuration. */
export const historyShape = { history: history.prefault({}) }

/** Settings of pools, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, GIB, HOUR, MINUTE, SECOND, bytes, ms, num } from './config-kinds.ts'

const pools = z.strictObject({
  perUserMax: num(0, 10_000, 20, 'pools that one user may have made; 0: only administrators make pools'),
  membersMax: num(2, 100_000, 10_000, 'members of one pool'),
  joinKeysMax: num(1, 1000, 50, 'join keys of one pool that have not ended'),
  quotaBytes: bytes(100 * GIB, 'what the files and results of one pool may take up; 0: no limit'),
  batchFilesMax: num(1, 100_000, 10_000, 'files of one batch'),
  batchTtlMs: ms(1 * DAY, 'a batch of which nothing has come for so long is given up'),
  batchesPerMember: num(1, 1000, 8, 'open batches of one member'),
  workWaitMs: ms(30 * SECOND, 'a server that asks for work waits for some, for so long at a time'),
  retryMs: ms(
    10 * SECOND,
    'a group whose attempt failed waits so long, twice as long after each further one'
  ),
  retryMaxMs: ms(1 * HOUR, 'at most'),
  stepMs: ms(1 * SECOND, 'whether a group has to close, or a lease is over, is looked at so often'),
  acknowledgeMs: ms(
    1 * MINUTE,
    'a batch, or a result, is acknowledged when the metadata of it are on nodes too; it waits for that for so long'
  )
})

/** By section, for descriptions. */
export const poolSections = { pools }
/** What stands in the schema of the configuration. */
export const poolShape = { pools: pools.prefault({}) }

/** Settings of blocks, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, ms, num } from './config-kinds.ts'

const blocks = z.strictObject({
  stageMs: ms(
    1 * DAY,
    'a block that no file was made of is kept for so long after it was sent or asked for last'
  ),
  perUserMax: num(
    1,
    100_000_000,
    200_000,
    'blocks of one user that wait for their file; they count in the quota too, and take 0.1 KiB each in the metadata'
  ),
  sentPerHour: num(0, 1e9, 720_000, 'blocks that one user sends in an hour, per edge; 0: any')
})

/** By section, for descriptions. */
export const blockSections = { blocks }
/** What stands in the schema of the configuration. */
export const blockShape = { blocks: blocks.prefault({}) }

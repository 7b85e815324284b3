/** Chunks that have a copy too many. */

import type { Test } from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import type { ChunkId } from '../../../src/types.ts'
import { startRepairWorld } from './repair-world.ts'
import type { RepairWorld } from './repair-world.ts'

/** Chunks with four copies, one of them on a node that was away; repair is about to look at them. */
export async function withSurplus(
  t: Test,
  makeStore?: () => MetadataStore,
  config: ConfigInput = {}
): Promise<{ made: RepairWorld; chunks: ChunkId[]; back: () => Promise<void> }> {
  const hosts = ['h1', 'h2', 'h3', 'h4']
  const made = await startRepairWorld(t, { hosts, config, ...(makeStore && { makeStore }) })
  const { world, nodes, kill, revive, sendTo, fewest } = made
  const { chunks } = await sendTo([0, 1, 2], 4)
  const [, , away] = nodes
  if (away === undefined) throw new Error('there is no third node')
  await kill(away)
  await world.until('all are back', async () => (await fewest(chunks)) === 3)
  const back = async (): Promise<void> => {
    await revive(away)
  }
  return { made, chunks, back }
}

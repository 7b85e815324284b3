/** Settings of simulated clusters: production's, with lives short enough to end within a schedule and polling no denser than needed. */

import type { Config, ConfigInput } from '../../src/config.ts'
import { mergeConfig } from '../../src/compose/config-sources.ts'
import { parseConfig } from '../../src/config.ts'

/** Size of the chunks of simulated files. */
export const CHUNK_BYTES = 1024
export const LEASE_MS = 120_000
export const GRACE_MS = 10_000
/** Uploads of users that failed are told of for so long. */
export const FAILED_MS = 60_000
/** A batch of a pool that stands still is given up after so long. */
const POOL_BATCH_MS = 60_000
/** Longest that a file's data may stay after its link has ended and everybody can be reached. */
export const GONE_WITHIN_MS = 120_000
/** From one inventory of a node to the next, beside those at its start. */
const INVENTORY_MS = 200_000
/** Bytes that no order is for are found by two inventories, and gone within so long. */
export const FOUND_WITHIN_MS = INVENTORY_MS + 60_000
/** Back to full replication after healing (invariant F), beside the repair delay. */
export const CLEAN_WITHIN_MS = 120_000

/** A node that is gone is given up so long after its last heartbeat: `downAfterMs`, and beside that the repair delay. */
export const AWAY_MS = 70_000

/** Nodes of the cold tier are there: what nobody has read for some seconds goes there, and comes back when it is read again. */
export const COLD_CONFIG: ConfigInput = {
  cold: { afterMs: 6000, warmReads: 2, warmWindowMs: 20_000, readStepMs: 1000 },
  repair: { patrolMs: 6000 }
}

/** No node may have heard the lost controller for so long: longer than it takes until it counts as down. */
const RECOVER_QUIET_MS = 50_000

/** @param nodes that keep snapshots; 0: none do */
export const snapshotConfig = (nodes: number): ConfigInput['snapshot'] => ({
  nodes,
  intervalMs: 5000,
  recoverQuietMs: RECOVER_QUIET_MS,
  gatherMs: 15_000
})

/** @param processes heartbeats cost in proportion to the square of them, so that large clusters send fewer */
export function simulatedConfig(processes: number, machine: string, over: ConfigInput = {}): Config {
  const intervalMs = processes > 8 ? 8000 : 5000
  const base: ConfigInput = {
    heartbeat: {
      intervalMs,
      suspectAfterMs: 3 * intervalMs + 1000,
      downAfterMs: 6 * intervalMs,
      dialTimeoutMs: 5000,
      redialMs: 4000
    },
    replication: { putTimeoutMs: 15_000, getTimeoutMs: 8000, slowReadMs: 2000, owedDelayMs: 3000 },
    node: { reportIntervalMs: 1000 },
    controller: {
      uploadTtlMs: 60_000,
      resumableTtlMs: 90_000,
      settleIntervalMs: 3000,
      collectIntervalMs: 3000,
      owedIntervalMs: 3000
    },
    repair: { delayMs: 20_000, lostShare: 100, patrolMs: 60_000 },
    inventory: { intervalMs: INVENTORY_MS, quarantineMs: 10_000, sweepShare: 100 },
    scrub: { intervalMs: 600_000, newAfterMs: 300_000, roundMs: 60_000 },
    link: { leaseMs: LEASE_MS, graceMs: GRACE_MS, reportIntervalMs: 2000, ttlMs: 3_600_000 },
    edge: { stallMs: 20_000 },
    pools: {
      batchTtlMs: POOL_BATCH_MS,
      workWaitMs: 5000,
      retryMs: 1000,
      retryMaxMs: 4000,
      stepMs: 500,
      acknowledgeMs: 10_000
    },
    account: { deleteGraceMs: GRACE_MS, failedUploadMs: FAILED_MS },
    network: { machine }
  }
  return parseConfig(mergeConfig(base, over))
}

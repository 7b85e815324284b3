/** What the controller says of its larger parts, in its status. */

import { z } from 'zod'
import { NODES_MAX } from '../limits.ts'
import * as s from '../schema.ts'

/** Chunks by what they need, and how fast they get it. */
export const repairStatus = z.object({
  /** One copy left on nodes that live, or none. */
  lastCopy: s.count,
  /** Fewer than there should be. */
  under: s.count,
  /** Enough, but on the wrong host, tier, or on a node that is being emptied. */
  misplaced: s.count,
  /** More than there should be. */
  surplus: s.count,
  bytesLeft: s.count,
  running: s.count,
  copiedChunks: s.count,
  copiedBytes: s.count,
  trimmedChunks: s.count,
  bytesPerSecond: s.count,
  etaMs: s.count.nullable(),
  /** Why only last copies are repaired now; null: everything is. */
  paused: z.string().nullable(),
  /** Share of the chunks that were looked at since the nodes last changed, 0 … 1. */
  looked: z.number().min(0).max(1)
})
/** Of a controller that says nothing of repair. */
export const NOTHING_TO_REPAIR: z.output<typeof repairStatus> = {
  lastCopy: 0,
  under: 0,
  misplaced: 0,
  surplus: 0,
  bytesLeft: 0,
  running: 0,
  copiedChunks: 0,
  copiedBytes: 0,
  trimmedChunks: 0,
  bytesPerSecond: 0,
  etaMs: null,
  paused: null,
  looked: 1
}
export const collectorStatus = z.object({
  /** Why nothing is deleted; null: it is not frozen. */
  frozen: z.string().nullable(),
  /** Nodes with many chunks that nothing refers to: their sweep waits for `approve`. */
  held: z.array(z.object({ peer: s.peerId, unknown: s.count, chunks: s.count })).max(NODES_MAX),
  /** Chunks in quarantine on all nodes because nothing refers to them. */
  unknown: s.count
})
/** How far the snapshots on nodes are behind. */
export const snapshotStatus = z.object({
  /** Age of the newest state that nodes hold; null: they hold none of this controller yet. */
  behindMs: s.count.nullable(),
  nodes: s.count,
  baseBytes: s.count,
  changesBytes: s.count,
  lastError: z.string().nullable()
})
export const scrubStatus = z.object({
  /** The least `scrubbedAt` of active nodes; 0: one of them has not ended its first pass. */
  oldestAt: s.timeMs,
  /** The oldest full pass is longer ago than it may be. */
  overdue: z.boolean(),
  quarantined: s.count
})

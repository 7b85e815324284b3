/** Repair: keeps every chunk at its copies, in the right places, while nodes come and go. This file only puts the parts together. */

import { PeerbinError } from '../../errors.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'
import { OwedCopies } from '../workers/owed-copies.ts'

export interface Repair extends ControllerPart<'drainNode' | 'retireNode'> {
  status(): ClusterStatus['repair']
  /** Of a node that is being emptied; null for others. */
  drainOf(peer: PeerId): ClusterStatus['nodes'][number]['drain']
  /** These lack copies now: they are looked at before everything else. */
  urge(chunks: readonly ChunkId[]): void
  /** Retired nodes, the newest first, for the heartbeat. */
  retired(): PeerId[]
  /** Reads what was decided before; once, before anything is served. */
  restore(): Promise<void>
}

const NOTHING: ClusterStatus['repair'] = {
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

export function createRepair(deps: LoopsDeps): Repair {
  return {
    workers: [new OwedCopies(deps)],
    handlers: {
      drainNode: async () => {
        throw new PeerbinError('internal', 'not there yet')
      },
      retireNode: async () => {
        throw new PeerbinError('internal', 'not there yet')
      }
    },
    status: () => NOTHING,
    drainOf: () => null,
    urge: () => {},
    retired: () => [],
    restore: async () => {}
  }
}

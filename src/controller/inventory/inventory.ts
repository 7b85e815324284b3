/** Inventories: what nodes hold is compared with what is recorded; and the brakes of the collector. This file only puts the parts together. */

import { PeerbinError } from '../../errors.ts'
import type { OwedChunk } from '../../metadata-store.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { PeerId } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'

export interface Inventory extends ControllerPart<'collector'> {
  status(): ClusterStatus['collector']
  /** When the node was last compared in its present boot, by the store's time; null: not yet. */
  reconciledAt(peer: PeerId): number | null
  /** Nothing may be condemned, swept or deleted while this is true. */
  readonly frozen: boolean
  /**
   * Asks the living holders of these chunks, whose receipts are of an earlier boot, whether they still hold them; what they say is recorded. Resolves when they have
   * answered or could not.
   */
  verify(chunks: readonly OwedChunk[], signal: AbortSignal): Promise<void>
  /** Reads what was decided before; once, before anything is served. */
  restore(): Promise<void>
}

export function createInventory(_deps: LoopsDeps): Inventory {
  return {
    workers: [],
    handlers: {
      collector: async () => {
        throw new PeerbinError('internal', 'not there yet')
      }
    },
    status: () => ({ frozen: null, held: [], unknown: 0 }),
    reconciledAt: () => null,
    frozen: false,
    verify: async () => {},
    restore: async () => {}
  }
}

/** Snapshots of the metadata on nodes, notes of what was redeemed since, and what an operator does after a recovery. This file only puts the parts together. */

import { PeerbinError } from '../../errors.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { RpcAnswer } from '../../protocol/rpc.ts'
import type { SecretHash } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'

export interface Snapshots extends ControllerPart<'listSuspended' | 'resumeLinks'> {
  /** Null when the store offers no snapshots, or none are wanted. */
  status(): ClusterStatus['snapshot']
  /**
   * Resolves when at least one node, on another machine if there is one, will remember that this link was touched, whatever becomes of this machine.
   * @throws `copies-missing` when none could be told in time
   */
  note(touched: { tokenHash: SecretHash; what: 'claimed' | 'revoked' }, signal: AbortSignal): Promise<void>
  backup(
    request: { backup?: number | undefined; part: number },
    signal: AbortSignal
  ): Promise<RpcAnswer<{ backup: number; last: boolean }>>
  stop(): Promise<void>
}

export interface SnapshotsDeps extends LoopsDeps {
  /** Undefined: there are none to be had. */
  readonly source: SnapshotSource | undefined
}

export function createSnapshots(_deps: SnapshotsDeps): Snapshots {
  return {
    workers: [],
    handlers: {
      listSuspended: async () => ({ links: [] }),
      resumeLinks: async () => {
        throw new PeerbinError('internal', 'not there yet')
      }
    },
    status: () => null,
    note: async () => {},
    backup: async () => {
      throw new PeerbinError('internal', 'not there yet')
    },
    stop: async () => {}
  }
}

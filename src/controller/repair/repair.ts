/** Repair: keeps every chunk at its copies, in the right places, while nodes come and go. This file only puts the parts together. */

import type { ClusterStatus } from '../../protocol/messages.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'
import { RepairExecutor } from './executor.ts'
import { LeavingNodes } from './leaving-nodes.ts'
import { NodeWatch } from './node-watch.ts'
import { OperatorDecisions } from './operator-decisions.ts'
import { OwedLook } from './owed-look.ts'
import { Pace } from './pace.ts'
import { Patrol } from './patrol.ts'
import { RepairQueue } from './queue.ts'
import { ReadNotes } from './read-notes.ts'
import { estimateMs, repairStatus } from './repair-status.ts'
import { Troubles } from './troubles.ts'
import { Wakeup } from './wakeup.ts'

export interface Repair extends ControllerPart<'drainNode' | 'retireNode'> {
  status(): ClusterStatus['repair']
  /** Of a node that is being emptied; null for others. */
  drainOf(peer: PeerId): ClusterStatus['nodes'][number]['drain']
  /** These lack copies now: they are looked at before everything else. */
  urge(chunks: readonly ChunkId[]): void
  /** Readers asked for these. */
  noteReads(chunks: readonly ChunkId[]): void
  /** Retired nodes, the newest first, for the heartbeat. */
  retired(): PeerId[]
  /** Reads what was decided before; once, before anything is served. */
  restore(): Promise<void>
}

/** Beside the time an attempt takes: enough for a heartbeat to tell what is wrong. */
const TROUBLE_MS = 10_000

export function createRepair(deps: LoopsDeps): Repair {
  const { clock, config } = deps
  const watch = new NodeWatch(deps)
  const queue = new RepairQueue({ max: config.repair.queueMax })
  const leaving = new LeavingNodes({ max: config.repair.queueMax, copiesMin: config.replication.copiesMin })
  const wakeup = new Wakeup({ clock })
  const onWork = (): void => wakeup.wake()
  const shared = { ...deps, watch, queue, leaving, wakeup, onWork }
  const attemptMs = config.replication.putTimeoutMs + config.replication.getTimeoutMs
  const patrol = new Patrol(shared)
  const executor = new RepairExecutor({
    ...shared,
    pace: new Pace(config.repair),
    troubles: new Troubles({ clock, leaveMs: attemptMs + TROUBLE_MS })
  })
  const decisions = new OperatorDecisions({ ...shared, onChanged: () => patrol.again() })
  const reads = new ReadNotes(deps)
  const status = (): ClusterStatus['repair'] =>
    repairStatus({ queue, patrol, executor, pause: watch.pause, nowMs: clock.monotonic() })
  return {
    workers: [decisions, new OwedLook(shared), patrol, executor, reads],
    handlers: {
      drainNode: (message) => decisions.drain(message),
      retireNode: (message) => decisions.retire(message)
    },
    status,
    drainOf: (peer) => {
      const drain = decisions.drainOf(peer)
      if (drain === null) return null
      return { ...drain, etaMs: estimateMs(drain.bytesLeft, executor.bytesPerSecond()) }
    },
    urge: (chunks) => {
      for (const chunk of chunks) queue.urge(chunk)
      onWork()
    },
    noteReads: (chunks) => reads.note(chunks),
    retired: () => decisions.retired,
    restore: () => decisions.restore()
  }
}

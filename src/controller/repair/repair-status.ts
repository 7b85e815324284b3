/** What an operator sees of repair. Pure. */

import type { ClusterStatus } from '../../protocol/messages.ts'
import { URGENCIES } from './assess.ts'
import type { Urgency } from './assess.ts'
import type { RepairExecutor } from './executor.ts'
import type { Pause } from './node-fates.ts'
import type { Patrol } from './patrol.ts'
import type { RepairQueue } from './queue.ts'

const MINUTE_MS = 60_000
/** Of less than this share of the chunks nothing is concluded about the rest. */
const LOOKED_MIN = 0.05

/** How long it takes at this rate; null when nothing moves. */
export function estimateMs(bytes: number, bytesPerSecond: number): number | null {
  if (bytes === 0) return 0
  return bytesPerSecond === 0 ? null : Math.ceil((bytes / bytesPerSecond) * 1000)
}

export const describePause = ({ lost, nodes, untilMs }: Pause, nowMs: number): string =>
  `${lost} of ${nodes} nodes were lost at about the same time: only last copies are repaired, until they return or for ` +
  `${Math.ceil(Math.max(0, untilMs - nowMs) / MINUTE_MS)} more minutes`

export interface RepairStatusDeps {
  readonly queue: Pick<RepairQueue, 'count' | 'bytes'>
  readonly patrol: Pick<Patrol, 'overflow' | 'looked'>
  readonly executor: Pick<RepairExecutor, 'running' | 'made' | 'bytesPerSecond'>
  readonly pause: Pause | undefined
  /** Monotonic. */
  readonly nowMs: number
}

export function repairStatus(deps: RepairStatusDeps): ClusterStatus['repair'] {
  const { queue, patrol, executor, pause, nowMs } = deps
  const chunks = (urgency: Urgency): number => queue.count(urgency) + patrol.overflow(urgency).chunks
  const bytesLeft = URGENCIES.reduce((sum, urgency) => sum + patrol.overflow(urgency).bytes, queue.bytes)
  const bytesPerSecond = executor.bytesPerSecond()
  const { looked } = patrol
  // what was not looked at yet most likely needs as much as what was
  const expectedBytes = looked < LOOKED_MIN ? undefined : bytesLeft / looked
  return {
    lastCopy: chunks('last-copy'),
    under: chunks('under'),
    misplaced: chunks('misplaced'),
    surplus: chunks('surplus'),
    bytesLeft,
    running: executor.running,
    ...executor.made,
    bytesPerSecond,
    etaMs:
      expectedBytes === undefined || pause !== undefined ? null : estimateMs(expectedBytes, bytesPerSecond),
    paused: pause === undefined ? null : describePause(pause, nowMs),
    looked
  }
}

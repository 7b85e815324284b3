/** The controller's background work: one loop per job. */

import type { Worker } from '../interfaces.ts'
import { WorkerLoop } from '../runtime/worker-loop.ts'
import type { Accounts } from './accounts/accounts.ts'
import type { CopyCheck } from './copy-check.ts'
import type { ControllerDeps } from './controller.ts'
import type { Blocks } from './blocks/blocks.ts'
import type { UserFiles } from './files/user-files.ts'
import type { Leadership } from './leadership.ts'
import { whileLeading } from './leadership.ts'
import type { RecentChunks } from './recent-chunks.ts'
import type { StoreTime } from './store-time.ts'
import type { TrimWatch } from './trim-watch.ts'
import { createCondemner } from './workers/condemner.ts'
import { DeleteOrders } from './workers/delete-orders.ts'
import type { Brakes } from './inventory/brakes.ts'
import type { Events } from './events/events.ts'
import type { History } from './history/history.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { Pools } from './pools/pools.ts'
import type { Repair } from './repair/repair.ts'
import type { Snapshots } from './snapshots/snapshots.ts'
import type { NodeRecorder } from './workers/node-recorder.ts'
import { createSettler } from './workers/settler.ts'
import { createStaleUploads } from './workers/stale-uploads.ts'
import { createTimeMark } from './workers/time-mark.ts'
import { createTombstones } from './workers/tombstones.ts'

export interface Loops {
  /** In the order of status. */
  readonly all: readonly WorkerLoop[]
  readonly settler: WorkerLoop
  readonly condemner: WorkerLoop
}

export interface LoopsDeps extends ControllerDeps {
  readonly leadership: Leadership
  readonly time: StoreTime
  readonly recent: RecentChunks
  readonly check: CopyCheck
  readonly nodes: NodeRecorder
  readonly brakes: Brakes
  readonly trims: TrimWatch
}

export interface LoopParts {
  readonly accounts: Accounts
  readonly files: UserFiles
  readonly blocks: Blocks
  readonly repair: Repair
  readonly inventory: Inventory
  readonly snapshots: Snapshots
  readonly history: History
  readonly events: Events
  readonly pools: Pools
}

/**
 * Nothing runs yet. A settler that ended something wakes the condemner, and that one the orders, so that a used file is gone from the disks
 * within moments.
 */
export function createLoops(deps: LoopsDeps, parts: LoopParts): Loops {
  const { store, time, leadership, brakes, logger } = deps
  const config = deps.config.controller
  const loop = (worker: Worker): WorkerLoop => new WorkerLoop(whileLeading(worker, leadership), deps)

  const deleteOrders = loop(new DeleteOrders({ ...deps, inventory: parts.inventory, config }))
  parts.inventory.onReady(() => deleteOrders.nudge())
  const condemner = loop(createCondemner({ store, brakes, config, onOrders: () => deleteOrders.nudge() }))
  const onGarbage = (): void => condemner.nudge()
  const settler = loop(createSettler({ store, time, config, onGarbage }))
  const snapshots = parts.snapshots.workers.map(loop)
  parts.snapshots.onWanted(() => snapshots.forEach((each) => each.nudge()))
  const all = [
    settler,
    loop(createStaleUploads({ store, time, config, logger, onGarbage })),
    condemner,
    deleteOrders,
    ...parts.files.workers.map(loop),
    ...parts.blocks.workers.map(loop),
    ...parts.repair.workers.map(loop),
    ...parts.inventory.workers.map(loop),
    ...snapshots,
    ...parts.accounts.workers.map(loop),
    ...parts.history.workers.map(loop),
    ...parts.events.workers.map(loop),
    ...parts.pools.workers.map(loop),
    loop(createTombstones({ store, time, config })),
    loop(createTimeMark({ store, time, leadership })),
    loop(deps.nodes)
  ]
  return { all, settler, condemner }
}

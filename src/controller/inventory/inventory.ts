/** Inventories: what nodes hold is compared with what is recorded; and the brakes of the collector. This file only puts the parts together. */

import { PeerbinError } from '../../errors.ts'
import type { OwedChunk } from '../../metadata-store.ts'
import type { ClusterStatus, ControlMessages, RequestOf } from '../../protocol/messages.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'
import { SLEW_RATE } from '../store-time.ts'
import type { Brakes } from './brakes.ts'
import { Claims } from './claims.ts'
import { Comparison } from './comparison.ts'
import type { Visit } from './holdings.ts'
import { InventoryLane } from './inventory-lane.ts'
import { InventorySchedule } from './schedule.ts'
import { StaleCopies } from './stale-copies.ts'
import { sweep } from './sweep.ts'
import type { Swept } from './sweep.ts'
import { verifyCopies } from './verification.ts'

/** Nodes compared at once: reading the metadata for one keeps it a little busy, and one that hangs must not hold up the rest. */
const LANES = 3
const FROZEN_BY_OPERATOR = 'an operator froze it'

export interface Inventory extends ControllerPart<'collector'> {
  status(): ClusterStatus['collector']
  /** When the node was last compared in its present boot, by the store's time; null: not yet. */
  reconciledAt(peer: PeerId): number | null
  /** Whether the node may get its delete orders: its inventory was compared in its present boot, or could not be. */
  takesOrders(peer: PeerId): boolean
  /** Told when a node may get its delete orders, and perhaps got some from its inventory. */
  onReady(listener: () => void): void
  /** Something about the node's copies is doubtful: it is compared again as soon as possible. */
  recheck(peer: PeerId): void
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

export interface InventoryDeps extends LoopsDeps {
  /** Told of chunks of which a copy turned out to be lost. */
  urge: (chunks: readonly ChunkId[]) => void
}

export function createInventory(deps: InventoryDeps): Inventory {
  const { store, membership, time, clock, brakes, config, logger } = deps
  const schedule = new InventorySchedule()
  const timeoutMs = config.controller.requestTimeoutMs
  const { copies, getTimeoutMs } = config.replication
  const stale = new StaleCopies({ ...deps, copies, timeoutMs })
  const claims = new Claims({ ...deps, copies, getTimeoutMs })
  const shared = {
    ...deps,
    claims,
    timeoutMs,
    onLost: deps.urge,
    onDoubt: (peer: PeerId) => schedule.again(peer)
  }
  const sweepDeps = { store, brakes, logger, config: config.inventory, batchMax: config.controller.batchMax }
  const { intervalMs, quarantineMs } = config.inventory
  let lastNumber = 0
  let onReady = (): void => {}
  const number = async (): Promise<number> => {
    lastNumber = Math.max(time.now(), lastNumber + 1)
    // so that the numbers after a restart, too, are greater
    await store.advanceTime(lastNumber + 1)
    return lastNumber
  }
  const laneDeps = {
    schedule,
    membership,
    clock,
    logger,
    number,
    onReady: () => onReady(),
    idleMs: config.heartbeat.intervalMs, // a new boot is heard of in a heartbeat
    compare: (visit: Visit, signal: AbortSignal) =>
      new Comparison({ ...shared, onStale: stale.settle.bind(stale) }, visit).run(signal),
    sweep: (visit: Visit, chunks: number) => sweep(sweepDeps, visit, chunks),
    // what was first seen now is ripe then, also when the store's time goes slow
    nextMs: ({ unknown, held }: Swept) =>
      unknown > 0 && !held ? Math.min(intervalMs, quarantineMs / (1 - SLEW_RATE) + 1) : intervalMs
  }
  const bootOf = (peer: PeerId): number => membership.get(peer)?.boot ?? 0
  return {
    workers: Array.from({ length: LANES }, (_lane, index) => new InventoryLane(laneDeps, index + 1)),
    handlers: { collector: async (message) => await decide({ brakes, schedule }, message) },
    status: () => {
      const all = schedule.all()
      const held = all.filter((node) => node.held)
      return {
        frozen: brakes.frozen,
        held: held.map(({ peer, unknown, chunks }) => ({ peer, unknown, chunks })),
        unknown: all.reduce((sum, { unknown }) => sum + unknown, 0)
      }
    },
    reconciledAt: (peer) => schedule.comparedIn(peer, bootOf(peer))?.at ?? null,
    takesOrders: (peer) => schedule.triedIn(peer, bootOf(peer)),
    onReady: (listener) => {
      onReady = listener
    },
    recheck: (peer) => schedule.again(peer),
    get frozen() {
      return brakes.frozen !== null
    },
    // whoever asks waits for as long as one request to the controller may take
    verify: (chunks, signal) =>
      verifyCopies({ ...shared, timeoutMs: Math.ceil(timeoutMs / 4) }, chunks, time.now(), signal),
    restore: () => brakes.restore()
  }
}

/** An operator's word. @throws `bad-request` when there is no such sweep to approve */
async function decide(
  { brakes, schedule }: { brakes: Brakes; schedule: InventorySchedule },
  { action, peer }: RequestOf<ControlMessages, 'collector'>
): Promise<Record<string, never>> {
  switch (action) {
    case 'freeze':
      await brakes.freeze(FROZEN_BY_OPERATOR)
      break
    case 'resume':
      await brakes.resume()
      schedule.allAgain() // what would have been swept meanwhile
      break
    case 'approve': {
      const held = schedule.all().find((node) => node.peer === peer && node.held)
      if (held === undefined) {
        throw new PeerbinError('bad-request', 'No sweep of that node waits for an approval.')
      }
      await brakes.approveSweep(held.peer, held.unknown)
      schedule.again(held.peer)
    }
  }
  return {}
}

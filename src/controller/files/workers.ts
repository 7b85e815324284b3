/** What goes on behind users' files: ends of what is over, and uploads that have got all their copies. */

import type { Worker } from '../../interfaces.ts'
import type { StatusCursor } from '../../metadata-store.ts'
import type { Member } from '../../types.ts'
import type { UserFilesDeps } from './user-files.ts'

/** Pause between two pages on which nothing has changed: where a node is full, uploads owe a copy for months, and there may be a hundred thousand of them. */
const PAGE_PAUSE_MS = 100

/** Files expire, content whose grace is over is let go, failures are forgotten. */
export function createEntrySettler(
  deps: Pick<UserFilesDeps, 'store' | 'time' | 'config' | 'onEnded'>
): Worker {
  const { store, time, config, onEnded } = deps
  const { deleteGraceMs: graceMs, failedUploadMs: failedMs } = config.account
  return {
    name: 'user-files',
    idleMs: config.controller.settleIntervalMs,
    async step() {
      const times = { now: time.now(), graceMs, failedMs }
      const changed = await store.settleEntries(times, config.controller.batchMax)
      if (changed === 0) return 'idle'
      onEnded()
      return 'busy'
    }
  }
}

/** Nothing is owed any more of an upload when each of its chunks has as many copies as there are to be, where there are so many nodes. */
export function createStatusSettler(
  deps: Pick<UserFilesDeps, 'store' | 'time' | 'config' | 'membership' | 'repair'>
): Worker {
  const { store, time, config, membership, repair } = deps
  let after: StatusCursor | undefined
  // such a node is given nothing any more, however long it goes on
  const isLeaving = ({ peer, state }: Member): boolean =>
    state === 'draining' || repair.drainOf(peer) !== null || repair.retired().includes(peer)
  const wanted = (): number => {
    const { copies, copiesMin } = config.replication
    const nodes = membership
      .all()
      .filter((node) => node.roles.includes('node') && node.liveness !== 'down' && !isLeaving(node))
    return Math.max(copiesMin, Math.min(copies, nodes.length))
  }
  return {
    name: 'upload-statuses',
    idleMs: config.controller.settleIntervalMs,
    async step() {
      const request = { copies: wanted(), after, limit: config.controller.batchMax, now: time.now() }
      const { changed, next } = await store.settleStatuses(request)
      after = next ?? undefined
      if (next === null) return 'idle'
      return changed > 0 ? 'busy' : { retryAfterMs: PAGE_PAUSE_MS }
    }
  }
}

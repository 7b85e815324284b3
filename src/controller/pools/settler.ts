import type { Worker } from '../../interfaces.ts'
import type { PoolDeps } from './deps.ts'

export interface SettlerDeps extends Pick<PoolDeps, 'store' | 'time' | 'config'> {
  /** Told when files ended, so that they need not wait for the settler's round. */
  readonly onEnded: () => void
}

/** What time does in pools: groups close, leases run out, producers are silent, batches are given up, files of groups that ended go, and pools that are deleted. */
export function createPoolSettler({ store, time, config, onEnded }: SettlerDeps): Worker {
  const { stepMs } = config.pools
  return {
    name: 'pools',
    idleMs: stepMs,
    async step() {
      const now = time.now()
      const dueAt = await store.nextPoolsAt()
      if (dueAt === null) return 'idle'
      if (dueAt > now) return { retryAfterMs: Math.min(stepMs, dueAt - now) }
      const changed = await store.settlePools({
        now,
        limit: config.controller.batchMax,
        graceMs: config.account.deleteGraceMs
      })
      if (changed === 0) return 'idle'
      onEnded()
      return 'busy'
    }
  }
}

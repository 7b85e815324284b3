import type { Config } from '../../config.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { StoreTime } from '../store-time.ts'

export interface SettlerDeps {
  store: MetadataStore
  time: StoreTime
  config: Config['controller']
  /** Told when something ended, and references with it. */
  onGarbage: () => void
}

/** Ends what is over: leases, links, and files nobody can reach any more. */
export function createSettler({ store, time, config, onGarbage }: SettlerDeps): Worker {
  return {
    name: 'settler',
    idleMs: config.settleIntervalMs,
    async step() {
      const changed = await store.settleLinks(time.now(), config.batchMax)
      if (changed === 0) return 'idle'
      onGarbage()
      // a step counts rows of several kinds, so that only an empty one says that nothing is left
      return 'busy'
    }
  }
}

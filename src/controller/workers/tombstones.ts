import type { Config } from '../../config.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { StoreTime } from '../store-time.ts'

/** Nobody waits for this; a minute spreads the work. */
const INTERVAL_MAX_MS = 60_000

export interface TombstonesDeps {
  store: MetadataStore
  time: StoreTime
  config: Config['controller']
}

/** Forgets links, claims and uploads that ended long ago. */
export function createTombstones({ store, time, config }: TombstonesDeps): Worker {
  return {
    name: 'tombstones',
    idleMs: Math.min(INTERVAL_MAX_MS, config.tombstoneMs),
    async step() {
      const purged = await store.purgeTombstones(time.now() - config.tombstoneMs, config.batchMax)
      return purged === 0 ? 'idle' : 'busy'
    }
  }
}

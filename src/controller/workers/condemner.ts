import type { Config } from '../../config.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'

export interface CondemnerDeps {
  store: MetadataStore
  config: Config['controller']
  /** Told when there are new orders. */
  onOrders: () => void
}

/** First half of the collector: chunks without a reference become condemned, and an order goes on record for each copy of theirs. */
export function createCondemner({ store, config, onOrders }: CondemnerDeps): Worker {
  return {
    name: 'condemner',
    idleMs: config.collectIntervalMs,
    async step() {
      const condemned = await store.condemnChunks(config.batchMax)
      if (condemned === 0) return 'idle'
      onOrders()
      return 'busy'
    }
  }
}

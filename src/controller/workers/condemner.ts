import type { Config } from '../../config.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { Brakes } from '../inventory/brakes.ts'

export interface CondemnerDeps {
  store: MetadataStore
  brakes: Brakes
  config: Config['controller']
  /** Told when there are new orders. */
  onOrders: () => void
}

/** First half of the collector: chunks without a reference become condemned, and an order goes on record for each copy of theirs. */
export function createCondemner({ store, brakes, config, onOrders }: CondemnerDeps): Worker {
  return {
    name: 'condemner',
    idleMs: config.collectIntervalMs,
    async step() {
      const condemned = await brakes.whileReleased(() => store.condemnChunks(config.batchMax))
      if (condemned === undefined || condemned === 0) return 'idle'
      onOrders()
      return 'busy'
    }
  }
}

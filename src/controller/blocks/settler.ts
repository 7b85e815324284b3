import type { Config } from '../../config.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { StoreTime } from '../store-time.ts'

export interface BlockSettlerDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly config: Config
  readonly onGarbage: () => void
}

/** Lets blocks go that no file was made of in their time. */
export function createBlockSettler({ store, time, config, onGarbage }: BlockSettlerDeps): Worker {
  const { settleIntervalMs: idleMs, batchMax } = config.controller
  return {
    name: 'blocks',
    idleMs,
    async step() {
      if ((await store.settleBlocks(time.now(), batchMax)) === 0) return 'idle'
      onGarbage()
      return 'busy'
    }
  }
}

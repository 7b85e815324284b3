import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { Leadership } from '../leadership.ts'
import type { StoreTime } from '../store-time.ts'

/** After a crash the store's time goes on from a mark at most so old, which lengthens leases by as much. */
const INTERVAL_MS = 1000

export interface TimeMarkDeps {
  store: MetadataStore
  time: StoreTime
  leadership: Leadership
}

/** Keeps the store's time over restarts, and looks as often whether somebody else leads. */
export function createTimeMark({ store, time, leadership }: TimeMarkDeps): Worker {
  return {
    name: 'time-mark',
    idleMs: INTERVAL_MS,
    async step() {
      leadership.check()
      await store.advanceTime(time.now())
      return 'idle'
    }
  }
}

import type { Config } from '../../config.ts'
import type { Logger, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { StoreTime } from '../store-time.ts'

export interface StaleUploadsDeps {
  store: MetadataStore
  time: StoreTime
  config: Config['controller']
  logger: Logger
  /** Told when references were dropped. */
  onGarbage: () => void
}

/** Gives up uploads whose edge never came back to finish them. */
export function createStaleUploads({ store, time, config, logger, onGarbage }: StaleUploadsDeps): Worker {
  return {
    name: 'stale-uploads',
    idleMs: config.settleIntervalMs,
    async step(signal) {
      const staleAt = time.now()
      const uploads = await store.listStaleUploads(staleAt, config.batchMax)
      for (const upload of uploads) {
        if (signal.aborted) return 'idle'
        // of a user's file it is told where it would have gone
        const failure = { code: 'upload-stalled', attempts: 1, now: staleAt }
        if (!(await store.abandonUpload(upload, { staleAt, failure }))) continue // it went on meanwhile
        logger.info('an upload stood still for too long and was given up', { upload })
      }
      if (uploads.length === 0) return 'idle'
      onGarbage()
      return 'busy'
    }
  }
}

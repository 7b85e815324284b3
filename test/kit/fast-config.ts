/** Settings for clusters in one process. */

import type { ConfigInput } from '../../src/config.ts'

/** Short intervals, and limits that a busy machine does not reach by itself. */
export const FAST_CONFIG: ConfigInput = {
  heartbeat: {
    intervalMs: 250,
    suspectAfterMs: 6000,
    downAfterMs: 10_000,
    dialTimeoutMs: 5000,
    redialMs: 100
  },
  replication: { putTimeoutMs: 20_000, getTimeoutMs: 10_000, slowReadMs: 500, owedDelayMs: 500 },
  node: { reportIntervalMs: 20 },
  controller: {
    requestTimeoutMs: 5000,
    retryMs: 20,
    callTimeoutMs: 20_000,
    settleIntervalMs: 100,
    collectIntervalMs: 100,
    owedIntervalMs: 100
  },
  repair: { delayMs: 500, drainedDelayMs: 1500, patrolMs: 2000, lostWindowMs: 5000, pauseMs: 5000 },
  inventory: { intervalMs: 2000, quarantineMs: 300 },
  scrub: { roundMs: 200, bytesPerSecond: 0 },
  snapshot: { intervalMs: 200, noteTimeoutMs: 5000, recoverQuietMs: 2000, gatherMs: 1000 },
  link: { reportIntervalMs: 50, passwordMemoryKiB: 128, passwordPasses: 1 },
  account: { passwordMemoryKiB: 128, passwordPasses: 1 },
  edge: { port: 0, memoryWaitMs: 10_000, stallMs: 5000, stopMs: 1000 }
}

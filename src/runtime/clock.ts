import type { Clock, Timer } from '../interfaces.ts'

/** setTimeout takes 31 bits of ms; what is longer it runs at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs: number, callback: () => void, options = {}): Timer {
    const dueAt = performance.now() + delayMs
    let timeout: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      timeout = setTimeout(run, Math.min(leftMs, TIMEOUT_MAX_MS))
      if (options.unref === true) timeout.unref()
    }
    const run = (): void => {
      // Node counts in whole ms of its loop's time and may be a fraction early; a deadline must not be
      const leftMs = dueAt - performance.now()
      if (leftMs > 0) arm(leftMs)
      else callback()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(timeout) }
  }
}

import type { Clock, Timer } from '../interfaces.ts'

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs: number, callback: () => void, options = {}): Timer {
    const timer = setTimeout(callback, delayMs)
    if (options.unref === true) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Asking again: which failures pass, and how long to wait for that. */

import { EXIT, hasCode } from '../errors.ts'
import type { ErrorCode, PeerbinError } from '../errors.ts'
import type { Clock, Random } from '../interfaces.ts'
import { sleep, throwIfAborted } from '../runtime/deadline.ts'

const PAUSE_FIRST_MS = 300
export const PAUSE_MAX_MS = 30_000

export interface RetryDeps {
  readonly clock: Clock
  readonly random: Random
}

/** Trouble of a machine behind the server: another one has the next attempt. */
const OF_A_NODE: readonly ErrorCode[] = ['chunk-corrupt', 'store-failed']

/** Breaks, and servers that are busy for the moment, or have a machine that fails. */
export const isPassing = (error: unknown): error is PeerbinError =>
  hasCode(error) &&
  error.retryable &&
  (error.exitCode === EXIT.unreachable || error.exitCode === EXIT.busy || hasCode(error, ...OF_A_NODE))

/** Before attempt `attempts + 1`: twice as long each time, by chance up to half shorter (so that many clients do not come back together), longer when the server says so. */
export function pauseMs(attempts: number, error: PeerbinError, random: Random): number {
  const backoffMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(attempts - 1, 20))
  return Math.max(backoffMs * (1 - random.fraction() / 2), Math.min(error.retryAfterMs ?? 0, PAUSE_MAX_MS))
}

export interface RetryOptions {
  readonly signal: AbortSignal
  /** For how long it is tried, in ms. */
  readonly limitMs: number
  /** Hears why nothing moves, and for how long. */
  readonly onWait?: ((why: PeerbinError, waitMs: number) => void) | undefined
}

/** @throws what does not pass; what did not pass within the limit; the signal's reason */
export async function retrying<T>(
  deps: RetryDeps,
  { signal, limitMs, onWait }: RetryOptions,
  attempt: () => Promise<T>
): Promise<T> {
  const endsAt = deps.clock.monotonic() + limitMs
  for (let attempts = 1; ; attempts++) {
    throwIfAborted(signal)
    try {
      return await attempt()
    } catch (error) {
      throwIfAborted(signal)
      if (!isPassing(error)) throw error
      const waitMs = pauseMs(attempts, error, deps.random)
      if (deps.clock.monotonic() + waitMs >= endsAt) throw error
      onWait?.(error, waitMs)
      await sleep(deps.clock, waitMs, signal)
    }
  }
}

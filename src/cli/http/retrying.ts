import type { PeerbinError } from '../../errors.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { CliContext } from '../context.ts'
import { isPassing, pauseMs } from './retry.ts'

/** Attempts in a row that brought nothing. */
const ATTEMPTS_MAX = 6
const PAUSE_MAX_MS = 10_000

/**
 * Asks again after what passes. @param onWait hears why nothing moves, and for how long
 * @throws what does not pass, or did not for several attempts
 */
export async function retrying<T>(
  context: CliContext,
  attempt: () => Promise<T>,
  onWait: (why: PeerbinError, waitMs: number) => void = () => {}
): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (context.interrupted.aborted || !isPassing(error) || attempts >= ATTEMPTS_MAX) throw error
      const waitMs = pauseMs(attempts, PAUSE_MAX_MS, error)
      onWait(error, waitMs)
      await sleep(context.clock, waitMs, context.interrupted)
    }
  }
}

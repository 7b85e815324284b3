/** Waiting for a condition in place of sleeping for a time. */

import { setTimeout as pause } from 'node:timers/promises'

/** Long enough for a machine that is busy with other things; a test that waits so long has failed. */
const LIMIT_MS = 30_000
/** Between two looks: a twentieth of the time it has taken so far. Looking all the time takes a processor from what is waited for, when a look is a request to a cluster. */
const PAUSE_MIN_MS = 5
const PAUSE_MAX_MS = 250
const PAUSE_SHARE = 1 / 20

/** Resolves as soon as the condition holds. @throws naming `what` did not come about */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS
): Promise<void> {
  const startedAt = performance.now()
  while (!(await holds())) {
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > limitMs) throw new Error(`this did not come about within ${limitMs} ms: ${what}`)
    await pause(Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, elapsedMs * PAUSE_SHARE)))
  }
}

/** Waiting for a condition in place of sleeping for a time. */

import { setTimeout as pause } from 'node:timers/promises'

/** Long enough for a machine that is busy with other things; a test that waits so long has failed. */
const LIMIT_MS = 30_000
const PAUSE_MS = 5

/** Resolves as soon as the condition holds. @throws naming `what` did not come about */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS
): Promise<void> {
  const endsAt = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error(`this did not come about within ${limitMs} ms: ${what}`)
    await pause(PAUSE_MS)
  }
}

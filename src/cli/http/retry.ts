/** Trying again: which failures pass, and how long to wait for that. */

import { EXIT, hasCode } from '../../errors.ts'
import type { PeerbinError } from '../../errors.ts'

const PAUSE_FIRST_MS = 300

/** Breaks, and servers that are busy for the moment. */
export const isPassing = (error: unknown): error is PeerbinError =>
  hasCode(error) && error.retryable && (error.exitCode === EXIT.unreachable || error.exitCode === EXIT.busy)

/** Before attempt `attempts + 1`: twice as long each time, longer when the server says so, and never more than `maxMs`. */
export function pauseMs(attempts: number, maxMs: number, error: PeerbinError): number {
  const backoffMs = PAUSE_FIRST_MS * 2 ** Math.min(attempts - 1, 20)
  return Math.min(maxMs, Math.max(backoffMs, error.retryAfterMs ?? 0))
}

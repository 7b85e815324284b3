/** What follows from an attempt: the event is done with, tried again later, or given up, and the webhook goes on or is disabled. Pure; docs/webhooks.md tells people the same. */

import type { Config } from '../../config.ts'
import type { Delivery, Verdict, WebhookRecord } from '../../webhooks.ts'

/** 4xx of which a repeat may be taken: a timeout, a conflict, too early, too many. */
const PASSING_STATUSES = new Set([408, 409, 425, 429])
/** Pauses differ by so much to both sides, so that what failed together does not come back together. */
const JITTER = 0.1

type Standing = Pick<WebhookRecord, 'attempts' | 'failingSince' | 'deadInRow'>
type Rules = Pick<
  Config['webhooks'],
  'retryMs' | 'refusedMax' | 'retryAfterMaxMs' | 'deadInRowMax' | 'failingMs'
>

/** @param standing of the event and the webhook before this attempt @param fraction in [0, 1), for the jitter */
export function verdictOf(
  standing: Standing,
  delivery: Pick<Delivery, 'outcome' | 'status' | 'retryAfterMs'>,
  { now, fraction, rules }: { readonly now: number; readonly fraction: number; readonly rules: Rules }
): Verdict {
  if (delivery.outcome === 'ok')
    return { event: 'told', nextAt: null, attempts: 0, failingSince: null, deadInRow: 0, disable: null }
  const attempts = standing.attempts + 1
  const failingSince = standing.failingSince ?? now
  const hasFailedLong = now - failingSince >= rules.failingMs
  const pauseMs =
    isForGood(delivery) && attempts >= rules.refusedMax ? undefined : rules.retryMs[attempts - 1]
  if (delivery.outcome === 'gone' || pauseMs !== undefined)
    return {
      event: 'again',
      nextAt: now + pauseOf(pauseMs ?? 0, delivery.retryAfterMs, fraction, rules),
      attempts,
      failingSince,
      deadInRow: standing.deadInRow,
      disable: delivery.outcome === 'gone' ? 'gone' : hasFailedLong ? 'failing' : null
    }
  const deadInRow = standing.deadInRow + 1
  const disable = deadInRow >= rules.deadInRowMax ? 'dead-letters' : hasFailedLong ? 'failing' : null
  return { event: 'dead', nextAt: null, attempts: 0, failingSince, deadInRow, disable }
}

/** The receiver does not want it, or may not be reached: repeats change that only if somebody changes the receiver or a setting. */
const isForGood = ({ outcome, status }: Pick<Delivery, 'outcome' | 'status'>): boolean =>
  outcome === 'address' ||
  outcome === 'insecure' ||
  (outcome === 'status' && status !== null && status >= 400 && status < 500 && !PASSING_STATUSES.has(status))

/** Never shorter than what the receiver asked for, as far as that is listened to. */
function pauseOf(
  pauseMs: number,
  retryAfterMs: number | null,
  fraction: number,
  { retryAfterMaxMs }: Rules
): number {
  const jittered = Math.round(pauseMs * (1 - JITTER + 2 * JITTER * fraction))
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, retryAfterMaxMs))
}

/** Waits for a group to work on, for programs that nothing can call. */

import type { GroupId, GroupRecord } from '../../pools.ts'
import { sleep } from '../../runtime/deadline.ts'
import { asking } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { Asked } from './announce.ts'

/** The controller is asked for so long at a time: one that has gone silent is noticed after it. */
const ASK_MS = 5000
const ANSWER_MS = 5000
/** A controller where too many wait answers at once: then it is asked so often. */
const PAUSE_MS = 1000

export interface AskedWork {
  readonly group: GroupId | undefined
  /** Of the client's choice, or drawn: so that no repeat takes a second group. */
  readonly request?: string | undefined
  readonly waitMs: number
}

/**
 * Asks until there is a group, or the time is over. Whoever goes away while it waits is given nothing; a lease whose answer is lost is given again to the same request, or ends by itself.
 * @returns undefined: there was none
 */
export async function awaitWork(
  { clock, config, controller, sessions }: EdgeContext,
  { actor, pool, signal }: Asked,
  { group, request, waitMs }: AskedWork
): Promise<GroupRecord | undefined> {
  const { requestTimeoutMs, callTimeoutMs } = config.controller
  const endsAt = clock.monotonic() + waitMs
  const asked = {
    actor: asking(actor),
    pool,
    ...(request !== undefined && { request }),
    ...(group !== undefined && { group })
  }
  for (;;) {
    const askedAt = clock.monotonic()
    const leftMs = Math.max(0, Math.floor(endsAt - askedAt))
    const askMs = Math.min(leftMs, ASK_MS, Math.floor(requestTimeoutMs / 2))
    const found = await controller.call(
      'leaseGroup',
      { ...asked, waitMs: askMs },
      { timeoutMs: Math.min(askMs + ANSWER_MS, callTimeoutMs), signal }
    )
    if (found.group !== null) return found.group
    const now = clock.monotonic()
    if (now >= endsAt) return undefined
    if (now - askedAt < askMs / 2) await sleep(clock, Math.min(PAUSE_MS, endsAt - now), signal)
    await sessions.confirm(actor)
  }
}

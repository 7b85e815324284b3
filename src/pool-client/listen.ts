/** Results of a pool in order, each told once it was dealt with, also those that came while nobody listened. */

import { hasCode, PeerbinError } from '../errors.ts'
import type { GroupAnswer } from './answers.ts'
import type { PoolClient } from './pool-client.ts'
import { readVerified } from './serve.ts'

/** How far a listener has come; what it keeps between its runs, as JSON. */
export interface ListenPlace {
  /** Undefined: it has not begun. */
  readonly cursor?: string | undefined
  /** When the newest group it has dealt with was done, ISO 8601, and the groups that were done just then: so that it can go on without the cursor. */
  readonly doneAt?: string | undefined
  readonly groups?: readonly string[] | undefined
}

export interface ListenOptions {
  readonly signal: AbortSignal
  /** Where it goes on. Default: all results that are kept, the oldest first. */
  readonly from?: ListenPlace | undefined
  /** Keeps the place; called after each result that was dealt with, and awaited. */
  readonly keep?: ((place: ListenPlace) => void | Promise<void>) | undefined
  /** Ends when everything that is there has been told; default: waits for more. */
  readonly once?: boolean | undefined
}

/** Groups that ended in the same ms. */
const SAME_MAX = 1000
const GROUPS_MAX = 1_000_000

/**
 * Calls for each group that is done, one after the other, in the order in which they were done. At least once: a process that is killed between the call and `keep` is told again.
 * @throws what `onResult` throws, and what nobody's waiting helps against (`pool-unknown`: no member any more)
 */
export async function listen(
  client: PoolClient,
  onResult: (group: GroupAnswer, signal: AbortSignal) => Promise<void>,
  options: ListenOptions
): Promise<void> {
  const { signal, keep, once = false } = options
  let place = options.from ?? {}
  const tell = async (group: GroupAnswer): Promise<void> => {
    if (isKnown(place, group)) return
    try {
      await onResult(group, signal)
    } catch (error) {
      // results are not kept for ever
      if (!hasCode(error, 'result-expired')) throw error
    }
    place = { ...place, ...after(place, group) }
  }
  while (!signal.aborted) {
    try {
      if (place.cursor === undefined) {
        // taken first: what is done while the list is read is told by its event
        const { cursor } = await client.http.retrying({ signal, limitMs: Infinity }, () =>
          client.events({ signal })
        )
        for (const group of await doneSince(client, place, signal)) {
          await tell(group)
          await keep?.(place)
        }
        place = { ...place, cursor }
        await keep?.(place)
      }
      let { cursor } = place
      for (let isLast = false; !isLast && !signal.aborted;) {
        const wanted = { after: cursor, types: ['group.done'], waitS: once ? 0 : WAIT_S, signal }
        const page = await client.http.retrying({ signal, limitMs: Infinity }, () => client.events(wanted))
        for (const event of page.events) {
          await tellOf(client, event.subject, signal, tell)
          place = { ...place, cursor: event.cursor }
          await keep?.(place)
        }
        if (page.cursor !== cursor) {
          cursor = page.cursor
          place = { ...place, cursor }
          await keep?.(place)
        }
        isLast = once && !page.more
      }
      if (once) return
    } catch (error) {
      if (signal.aborted) return
      if (!hasCode(error, 'cursor-expired')) throw error
      place = { ...place, cursor: undefined }
    }
  }
}
const WAIT_S = 20

async function tellOf(
  client: PoolClient,
  id: string,
  signal: AbortSignal,
  tell: (group: GroupAnswer) => Promise<void>
): Promise<void> {
  try {
    await tell(await client.http.retrying({ signal, limitMs: Infinity }, () => client.group(id, { signal })))
  } catch (error) {
    // nor are groups
    if (!hasCode(error, 'group-unknown')) throw error
  }
}

const doneAtOf = ({ ended_at: at }: GroupAnswer): string => at ?? ''

const isKnown = ({ doneAt = '', groups = [] }: ListenPlace, group: GroupAnswer): boolean =>
  groups.includes(group.group) || doneAtOf(group) < doneAt

/** Groups are told in the order of their end; a group that was done in the same ms as another may come after it. */
function after({ doneAt = '', groups = [] }: ListenPlace, group: GroupAnswer): ListenPlace {
  const at = doneAtOf(group)
  return at === doneAt
    ? { doneAt, groups: [...groups, group.group].slice(-SAME_MAX) }
    : { doneAt: at, groups: [group.group] }
}

async function doneSince(
  client: PoolClient,
  place: ListenPlace,
  signal: AbortSignal
): Promise<GroupAnswer[]> {
  const found: GroupAnswer[] = []
  for await (const group of client.groups({ state: 'done', signal })) {
    if (group.result === null || isKnown(place, group)) continue
    if (found.push(group) > GROUPS_MAX)
      throw new PeerbinError('protocol-violation', 'the pool has too many groups')
  }
  return found.toSorted((a, b) => (doneAtOf(a) < doneAtOf(b) ? -1 : doneAtOf(a) > doneAtOf(b) ? 1 : 0))
}

/** Bytes of a group's result, verified. @throws `result-unknown`, `result-expired` */
export async function readResult(
  client: PoolClient,
  group: GroupAnswer,
  signal: AbortSignal
): Promise<Uint8Array> {
  const { result } = group
  if (result === null) throw new PeerbinError('result-unknown')
  return await client.http.retrying(
    { signal, limitMs: 10 * 60_000 },
    async () =>
      await readVerified(client, client.request('GET', `groups/${group.group}/result`, signal), result)
  )
}

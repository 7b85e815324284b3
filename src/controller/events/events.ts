/** Events, as one part of the controller: tells edges what was written, as soon as it was; forgets what is old. The operations of the metadata write them. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import { streamOwner } from '../../events.ts'
import type { StoredEvent } from '../../events.ts'
import type { Clock, Random, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { EVENTS_BYTES_MAX } from '../../protocol/limits.ts'
import type { EventMessages, RequestOf } from '../../protocol/messages.ts'
import { streamPool } from '../../pools.ts'
import type { PoolRole } from '../../pools.ts'
import { admitted } from '../pools/rights.ts'
import type { Leadership } from '../leadership.ts'
import type { ControllerPart } from '../part.ts'
import type { StoreTime } from '../store-time.ts'
import { newEpoch } from './epoch.ts'
import { EventWaiters } from './waiters.ts'

export interface Events extends ControllerPart<keyof EventMessages> {
  /** With the store open, before anything is answered. */
  restore(): Promise<void>
}

export interface EventsDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly leadership: Leadership
  readonly clock: Clock
  readonly random: Random
  readonly config: Config
}

const isEmpty = ({ events }: { events: readonly StoredEvent[] }): boolean => events.length === 0

export function createEvents(deps: EventsDeps): Events {
  const { store, random, clock, leadership } = deps
  const waiters = new EventWaiters({ watch: store.eventWatch, clock })
  let known: string | undefined
  const epochOf = (): string => {
    if (known === undefined) throw new PeerbinError('internal', 'events were asked for too early')
    return known
  }
  const tail = async (after: number, limit: number) => {
    const page = await store.tailEvents({ after, limit })
    return { ...bounded(page, limit), seq: page.last }
  }
  const ofStream = async (stream: StoredEvent['stream'], after: number, limit: number) => {
    const page = await store.listEvents({ stream, after, limit })
    return { ...bounded(page, limit), seq: page.seq }
  }
  const list = ({ stream, after = NOWHERE, limit }: Asked) =>
    stream === undefined ? tail(after, limit) : ofStream(stream, after, limit)
  /** @throws `term-stale` where somebody else leads by now, whose events may be others */
  const wait = async (asked: Asked, waitMs: number, signal: AbortSignal) => {
    const found = await waiters.until(() => list(asked), isEmpty, waitMs, signal)
    leadership.assert()
    return { ...found, epoch: epochOf() }
  }
  return {
    workers: [createForgetter(deps)],
    async restore() {
      known = (await store.eventsEpoch()) ?? undefined
      if (known !== undefined) return
      known = newEpoch(random)
      await store.renewEventsEpoch(known)
    },
    handlers: {
      async followEvents({ after, limit, waitMs }, signal) {
        const { seq: _seq, ...page } = await wait({ after, limit }, after === undefined ? 0 : waitMs, signal)
        return page
      },
      async listEvents({ actor, stream, after, limit, waitMs = 0 }, signal) {
        await sightOf(store, actor, stream)
        const found = await wait({ stream, after, limit }, after === undefined ? 0 : waitMs, signal)
        // after the page: what a member becomes behind its end, the stream itself says
        const poolRole = await sightOf(store, actor, stream)
        return { ...found, ...(poolRole !== undefined && { poolRole }) }
      }
    }
  }
}

type Asked = Pick<RequestOf<EventMessages, 'listEvents'>, 'stream' | 'after' | 'limit'>

/** Behind every event: a page after it only says where the end is. */
const NOWHERE = Number.MAX_SAFE_INTEGER

/**
 * Events of a pool are for whoever is in it; which of them, by role, the edge that tells them knows. Answers the role, null for an administrator who has none; undefined: of no pool's stream.
 * @throws `permission-denied`, `pool-unknown`
 */
async function sightOf(
  store: MetadataStore,
  actor: RequestOf<EventMessages, 'listEvents'>['actor'],
  stream: StoredEvent['stream'] | undefined
): Promise<PoolRole | null | undefined> {
  const pool = stream === undefined ? undefined : streamPool(stream)
  if (pool !== undefined) return (await admitted(store, actor, pool)).member?.role ?? null
  const { user, role, scopes } = actor
  if (scopes !== undefined && !scopes.includes('history:read')) throw new PeerbinError('permission-denied')
  const isOwn = stream !== undefined && user !== null && streamOwner(stream) === user
  if (role !== 'admin' && !isOwn) throw new PeerbinError('permission-denied')
  return undefined
}

/** Keys, ids and numbers of an event, and what an encoding puts around them. */
const FIXED_BYTES = 320

/** As many as one message holds; at least one. */
function bounded<P extends { events: StoredEvent[] }>(page: P, limit: number): P & { more: boolean } {
  let bytes = 0
  let count = 0
  for (const { data } of page.events) {
    bytes += FIXED_BYTES + Buffer.byteLength(JSON.stringify(data))
    if (count > 0 && bytes > EVENTS_BYTES_MAX) break
    count++
  }
  const more = count < page.events.length || page.events.length === limit
  return { ...page, events: page.events.slice(0, count), more }
}

/** Nobody waits for this; a minute spreads the work. */
const FORGET_INTERVAL_MAX_MS = 60_000

function createForgetter({ store, time, config }: EventsDeps): Worker {
  const { retentionMs, recordsMax, perStreamMax } = config.events
  return {
    name: 'events',
    idleMs: Math.min(FORGET_INTERVAL_MAX_MS, retentionMs),
    async step() {
      const limit = config.controller.batchMax
      const old = await store.purgeEvents(time.now() - retentionMs, limit)
      const surplus = await store.trimEvents({ recordsMax, perStreamMax, limit })
      return old + surplus === 0 ? 'idle' : 'busy'
    }
  }
}

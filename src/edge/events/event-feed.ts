/**
 * Events, as they are written: the controller is asked for new ones by one loop for all who listen on this edge, and only while somebody does. Each listener has a place in its
 * stream and no queue: one that is slow, or comes back, finds what it missed in what was fetched lately, or asks for it by itself, at its own pace, until it has caught up.
 */

import type { ControllerClient } from '../../client/controller-client.ts'
import type { Config } from '../../config.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { cursorText, parseCursor, userStream } from '../../events.ts'
import type { EventCursor, StoredEvent } from '../../events.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import { poolStream, streamPool } from '../../pools.ts'
import { EVENTS_MAX } from '../../protocol/limits.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { abortScope, abortable, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { UserId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import { asking } from '../accounts/actor.ts'
import { EventWindow, placeIn } from './event-window.ts'
import type { Found, Place, Whose } from './event-window.ts'
import type { EventBatch, Events, ListenTo, Listener, ToldEvent } from './listening.ts'
import { PoolSight } from './pool-sight.ts'
import type { Seen } from './pool-sight.ts'
import { Sleepers } from './sleepers.ts'

const ASK_TIMEOUT_MS = 5000
/** A controller that has gone silent is noticed after so long. */
const FOLLOW_WAIT_MS = 5000
/** After a failure, or an answer that did not wait. */
const PAUSE_MS = 250

export interface EventFeedDeps {
  readonly controller: Pick<ControllerClient, 'call'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config
}

type Listened = ResponseOf<ControlMessages, 'listEvents'>
type Asker = Pick<Actor, 'user' | 'role' | 'kind' | 'scopes'>

interface Begun extends Found {
  /** Of a pool: what of it may be told. */
  readonly sight: PoolSight | undefined
}

interface Following {
  readonly actor: Asker
  readonly whose: Whose
  readonly limit: number
  readonly signal: AbortSignal
}

export class EventFeed implements Events {
  readonly #deps: EventFeedDeps
  readonly #stopped = abortScope()
  readonly #perUser = new Map<UserId, number>()
  readonly #window = new EventWindow()
  readonly #sleepers: Sleepers
  /** Pages of pools that are asked for just now, by stream and place. */
  readonly #shared = new Map<string, Promise<Listened>>()
  #listeners = 0
  #running: Promise<void> | undefined

  constructor(deps: EventFeedDeps) {
    this.#deps = deps
    this.#sleepers = new Sleepers(deps.clock)
  }

  open({ user }: Pick<Actor, 'user'>): Listener {
    const { listenersMax, listenersPerUser } = this.#deps.config.events
    const own = this.#perUser.get(user) ?? 0
    if (this.#listeners >= listenersMax || own >= listenersPerUser)
      throw new PeerbinError('too-many-transfers', 'Too many connections listen to events already.')
    this.#listeners++
    this.#perUser.set(user, own + 1)
    this.#running ??= this.#run()
    let isOpen = true
    return {
      signal: this.#stopped.signal,
      [Symbol.dispose]: () => {
        if (!isOpen) return
        isOpen = false
        this.#listeners--
        const left = (this.#perUser.get(user) ?? 1) - 1
        if (left === 0) this.#perUser.delete(user)
        else this.#perUser.set(user, left)
      }
    }
  }

  /** Ends every listener, and asks no more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new PeerbinError('shutting-down'))
    await this.#running
  }

  async *events(
    actor: Asker,
    { after, types, owner, pool, forMs = Infinity, limit = EVENTS_MAX }: ListenTo,
    signal: AbortSignal
  ): AsyncGenerator<EventBatch, void, undefined> {
    const { clock, config } = this.#deps
    const { heartbeatMs } = config.events
    const whose = pool === undefined ? whoseOf(actor, owner) : poolStream(pool)
    const following = { actor, whose, limit, signal }
    const wanted = types && new Set(types)
    const { sight, ...begun } = await this.#begin(following, after)
    let found: Found = begun
    let told = ''
    let quietSince = -Infinity
    const endsAt = clock.monotonic() + forMs
    for (;;) {
      const { isLast, ...batch } = batchOf(whose, found, (event) => {
        const seen = sight?.see(event) ?? 'told'
        return seen === 'told' && wanted?.has(event.type) === false ? 'kept' : seen
      })
      const now = clock.monotonic()
      const isOver = found.events.length === 0 && now >= endsAt
      const isDue = batch.events.length > 0 || now >= quietSince + heartbeatMs
      // events of other types move the cursor, too
      if (isDue || (isOver && batch.cursor !== told)) {
        told = batch.cursor
        yield batch
        quietSince = clock.monotonic()
      }
      if (isOver || isLast) return
      const waitMs = found.more ? 0 : Math.min(endsAt, quietSince + heartbeatMs) - clock.monotonic()
      found = await this.#next(following, found.place, waitMs)
    }
  }

  /** @throws `cursor-expired`, `invalid-field`, `no-controller`; `pool-unknown` for whoever is no member */
  async #begin({ whose, ...following }: Following, after: string | undefined): Promise<Begun> {
    const cursor = after === undefined || after === 'start' ? undefined : cursorFrom(after, whose)
    const at = after === 'start' ? 0 : cursor?.place
    // what is beyond the end is not asked for, and only found out to be that
    const answer = await this.#list({ whose, ...following }, at)
    if (cursor !== undefined) checkCursor(cursor, answer)
    const found = foundIn(whose, answer, after === 'start' ? answer.from : (at ?? answer.last))
    const { poolRole: role, last } = answer
    if (role === undefined) return { ...found, sight: undefined }
    const { user, role: accountRole } = following.actor
    return { ...found, sight: new PoolSight({ user, isAdmin: accountRole === 'admin' }, { role, last }) }
  }

  /** What comes after a place, or nothing after a wait. */
  async #next(following: Following, place: Place, waitMs: number): Promise<Found> {
    const { whose, limit, signal } = following
    throwIfAborted(signal)
    const known = this.#window.after(whose, place, limit) ?? (await this.#missed(following, place))
    if (known.events.length > 0 || known.more || waitMs <= 0) return known
    // looked at again when it is among those who are woken: something may have come between
    const isNews = (): boolean => (this.#window.after(whose, known.place, 1)?.events.length ?? 0) > 0
    // what is not in the window wakes nobody
    const isFollowed = this.#window.after(whose, known.place, 1) !== undefined
    await this.#sleepers.sleep(whose, isFollowed ? waitMs : Math.min(waitMs, PAUSE_MS), signal, isNews)
    return known
  }

  async #missed(following: Following, place: Place): Promise<Found> {
    const { whose, signal } = following
    try {
      const answer = await this.#listShared(following, place.at)
      checkCursor({ epoch: place.epoch, place: place.at, isGlobal: whose === null }, answer)
      return foundIn(whose, answer, place.at)
    } catch (error) {
      throwIfAborted(signal)
      if (!asPeerbinError(error).retryable) throw error
      return { events: [], place, more: false } // the controller is away for a moment: after a wait
    }
  }

  async #list({ actor, whose, limit, signal }: Following, after: number | undefined): Promise<Listened> {
    const timeoutMs = Math.min(ASK_TIMEOUT_MS, this.#deps.config.controller.callTimeoutMs)
    return await this.#deps.controller.call(
      'listEvents',
      {
        actor: asking(actor),
        ...(whose !== null && { stream: whose }),
        ...(after !== undefined && { after }),
        limit
      },
      { timeoutMs, signal }
    )
  }

  /**
   * A page of a pool for all who miss it at the same moment: their rights were looked at when they began, and what became of them since stands in the stream. The one that asks may go, or
   * be no member any more: then each asks for itself.
   */
  async #listShared(following: Following, after: number): Promise<Listened> {
    const { whose, limit, signal } = following
    if (whose === null || streamPool(whose) === undefined) return await this.#list(following, after)
    const key = `${whose} ${after} ${limit}`
    const known = this.#shared.get(key)
    if (known !== undefined) {
      const page = await abortable(
        known.catch(() => undefined),
        signal
      )
      return page ?? (await this.#list(following, after))
    }
    const asking = this.#list(following, after).finally(() => this.#shared.delete(key))
    this.#shared.set(key, asking)
    return await asking
  }

  /** Asks for as long as anybody listens. Never rejects. */
  async #run(): Promise<void> {
    const { clock, logger } = this.#deps
    const { signal } = this.#stopped
    while (this.#listeners > 0 && !signal.aborted) {
      const before = clock.monotonic()
      let isFruitful = false
      try {
        isFruitful = await this.#follow(signal)
      } catch (error) {
        if (!signal.aborted)
          logger.debug('events could not be asked for', { code: asPeerbinError(error).code })
      }
      if (isFruitful || clock.monotonic() - before >= PAUSE_MS) continue
      await sleep(clock, PAUSE_MS, signal).catch(() => undefined) // stopped: the loop's condition says so
    }
    // whoever comes next asks anew: what happens until then is not fetched
    this.#window.clear()
    this.#running = undefined
  }

  /** One page of what is new, as soon as there is something; true: it was worth it. */
  async #follow(signal: AbortSignal): Promise<boolean> {
    const { callTimeoutMs, requestTimeoutMs } = this.#deps.config.controller
    const waitMs = Math.min(FOLLOW_WAIT_MS, Math.floor(requestTimeoutMs / 2))
    const after = this.#window.end
    const page = await this.#deps.controller.call(
      'followEvents',
      { ...(after !== undefined && { after }), limit: EVENTS_MAX, waitMs },
      { timeoutMs: Math.min(waitMs + ASK_TIMEOUT_MS, callTimeoutMs), signal }
    )
    if (this.#window.add(page)) this.#sleepers.wake(new Set(page.events.map(({ stream }) => stream)))
    else this.#sleepers.wakeAll() // each looks for itself where it is now
    return page.events.length > 0 || after === undefined
  }
}

/** @throws `permission-denied` */
function whoseOf({ user, role }: Asker, owner: UserId | '*' = user): Whose {
  if (role !== 'admin' && owner !== user) throw new PeerbinError('permission-denied')
  return owner === '*' ? null : userStream(owner)
}

/** @throws `invalid-field` */
function cursorFrom(text: string, whose: Whose): EventCursor {
  const cursor = parseCursor(text)
  if (cursor !== undefined && cursor.isGlobal === (whose === null)) return cursor
  const message = cursor === undefined ? 'not a cursor' : 'a cursor of other events'
  throw new PeerbinError('invalid-field', `after: ${message}`, { details: { field: 'after' } })
}

/** @throws `cursor-expired` for one of another epoch, of before what is kept, or of what never was */
function checkCursor({ epoch, place, isGlobal }: EventCursor, { epoch: now, from, last }: Listened): void {
  if (epoch === now && place >= from && place <= last) return
  const cursor = (at: number): string => cursorText({ epoch: now, place: at, isGlobal })
  throw new PeerbinError('cursor-expired', '', { details: { oldest: cursor(from), newest: cursor(last) } })
}

function foundIn(whose: Whose, { events, epoch, seq: all, more }: Listened, after: number): Found {
  const last = events.at(-1)
  const seq = more && last !== undefined ? last.seq : all
  const end = last === undefined ? after : placeIn(whose, last)
  return { events, place: { epoch, at: whose === null ? Math.max(end, seq) : end, seq }, more }
}

function batchOf(
  whose: Whose,
  { events, place: { epoch, at }, more }: Found,
  see: (event: StoredEvent) => Seen
): EventBatch & { isLast: boolean } {
  const isGlobal = whose === null
  const told: ToldEvent[] = []
  for (const event of events) {
    const seen = see(event)
    if (seen === 'kept') continue
    const each = toldOf(event, epoch, isGlobal)
    told.push(each)
    if (seen === 'end') return { events: told, cursor: each.cursor, more: false, isLast: true }
  }
  return { events: told, cursor: cursorText({ epoch, place: at, isGlobal }), more, isLast: false }
}

/** What was made of events of the window, so that thousands of listeners share it. */
const toldEvents = { own: new WeakMap<StoredEvent, ToldEvent>(), all: new WeakMap<StoredEvent, ToldEvent>() }

function toldOf(event: StoredEvent, epoch: string, isGlobal: boolean): ToldEvent {
  const known = isGlobal ? toldEvents.all : toldEvents.own
  const place = isGlobal ? event.seq : event.number
  const told = known.get(event) ?? { ...event, cursor: cursorText({ epoch, place, isGlobal }) }
  known.set(event, told)
  return told
}

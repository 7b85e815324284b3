/**
 * Events, as they are recorded: the controller is asked for new ones by one loop for all who listen on this edge, and only while somebody does. Each listener has a place in the
 * order of the history and no queue: one that is slow finds what it missed in what was fetched lately, or asks for it by itself, at its own pace.
 */

import type { ControllerClient } from '../../client/controller-client.ts'
import type { Config } from '../../config.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { StoredHistory } from '../../history.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import { HISTORY_RECORDS_MAX } from '../../protocol/limits.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { abortScope, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { UserId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'

/** Events kept for those who are a moment behind, at about 1 KiB. */
const RECENT_MAX = 1000
const ASK_TIMEOUT_MS = 5000

export interface EventFeedDeps {
  readonly controller: Pick<ControllerClient, 'call'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config
}

export interface Listener {
  /** Aborts when the feed stops. */
  readonly signal: AbortSignal
  [Symbol.dispose](): void
}

/** Events in order, none where the connection only has to be kept alive; and where whoever comes back goes on from. */
export interface EventBatch {
  readonly events: readonly StoredHistory[]
  readonly place: number
}

type Followed = ResponseOf<ControlMessages, 'followHistory'>

export class EventFeed {
  readonly #deps: EventFeedDeps
  readonly #stopped = abortScope()
  readonly #perUser = new Map<UserId, number>()
  #listeners = 0
  /** Those with a greater number than #from, up to #to; -1: nothing was fetched yet. */
  #recent: StoredHistory[] = []
  #from = -1
  #to = -1
  readonly #waiting = new Set<AbortScope>()
  #running: Promise<void> | undefined

  constructor(deps: EventFeedDeps) {
    this.#deps = deps
  }

  /** Counts a listener until it is disposed of. @throws `too-many-transfers` */
  open({ user }: Pick<Actor, 'user'>): Listener {
    const { listenersMax, listenersPerUser } = this.#deps.config.history
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

  /**
   * Events after a place, or from now on: one's own, or everybody's for an administrator. The first batch says at once where it begins. Ends with the signal's reason, or where nothing
   * more is there once `forMs` are over.
   * @throws `no-controller` when nobody can say where now is
   */
  async *events(
    actor: Pick<Actor, 'user' | 'role'>,
    { after, forMs = Infinity }: { after?: number | undefined; forMs?: number | undefined },
    signal: AbortSignal
  ): AsyncGenerator<EventBatch, void, undefined> {
    const { clock, config } = this.#deps
    const isFor = ({ owner, actor: by }: StoredHistory): boolean =>
      actor.role === 'admin' || owner === actor.user || by === actor.user
    let place = after ?? (await this.#ask({}, signal)).last
    yield { events: [], place }
    let quietSince = clock.monotonic()
    const endsAt = quietSince + forMs
    for (;;) {
      const untilMs = Math.min(endsAt, quietSince + config.history.heartbeatMs)
      const next = await this.#next(place, signal, untilMs - clock.monotonic())
      place = next.place
      const events = next.events.filter(isFor)
      if (next.events.length === 0 && clock.monotonic() >= endsAt) return
      if (events.length === 0 && clock.monotonic() - quietSince < config.history.heartbeatMs) continue
      yield { events, place }
      quietSince = clock.monotonic()
    }
  }

  /** What comes after a place, or nothing after a wait. */
  async #next(place: number, signal: AbortSignal, waitMs: number): Promise<EventBatch> {
    const known = this.#after(place) ?? (await this.#missed(place, signal))
    if (known.events.length > 0 || known.place < place || waitMs <= 0) return known
    using woken = abortScope(signal)
    this.#waiting.add(woken)
    try {
      // something came between the look and now
      if ((this.#after(known.place)?.events.length ?? 0) === 0)
        await sleep(this.#deps.clock, waitMs, woken.signal)
    } catch {
      throwIfAborted(signal) // or there is news
    } finally {
      this.#waiting.delete(woken)
    }
    return known
  }

  /** Of those that were fetched lately; undefined for a place that is older, or one that is not known here. */
  #after(place: number): EventBatch | undefined {
    if (this.#to < 0 || place < this.#from || place > this.#to) return undefined
    const events = this.#recent.filter(({ seq }) => seq > place).slice(0, HISTORY_RECORDS_MAX)
    return { events, place: events.length < HISTORY_RECORDS_MAX ? this.#to : (events.at(-1)?.seq ?? place) }
  }

  async #missed(place: number, signal: AbortSignal): Promise<EventBatch> {
    try {
      const { records, next, last } = await this.#ask({ after: place }, signal)
      return { events: records, place: next ?? endOf(records, last) }
    } catch (error) {
      throwIfAborted(signal)
      if (!asPeerbinError(error).retryable) throw error
      return { events: [], place } // the controller is away for a moment: after a wait
    }
  }

  /** Asks for as long as anybody listens. Never rejects. */
  async #run(): Promise<void> {
    const { clock, config, logger } = this.#deps
    const { signal } = this.#stopped
    while (this.#listeners > 0 && !signal.aborted) {
      let pauseMs = config.history.eventPollMs
      try {
        if (await this.#poll(signal)) pauseMs = 1
      } catch (error) {
        if (!signal.aborted)
          logger.debug('events could not be asked for', { code: asPeerbinError(error).code })
      }
      await sleep(clock, pauseMs, signal).catch(() => undefined) // stopped: the loop's condition says so
    }
    // whoever comes next asks anew: what happens until then is not fetched
    this.#recent = []
    this.#from = this.#to = -1
    this.#running = undefined
  }

  /** One page of what is new; true: there is more. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { records, next, last } = await this.#ask(this.#to < 0 ? {} : { after: this.#to }, signal)
    if (this.#to < 0 || last < this.#to) {
      // the first look, or the metadata were restored and count from an earlier number
      this.#recent = []
      this.#from = this.#to = last
    } else {
      this.#recent.push(...records)
      this.#to = next ?? endOf(records, last)
      const surplus = this.#recent.splice(0, Math.max(0, this.#recent.length - RECENT_MAX))
      this.#from = surplus.at(-1)?.seq ?? this.#from
    }
    if (records.length > 0) for (const each of this.#waiting) each.abort(new PeerbinError('aborted'))
    return next !== null
  }

  async #ask(from: { after?: number }, signal: AbortSignal): Promise<Followed> {
    const timeoutMs = Math.min(ASK_TIMEOUT_MS, this.#deps.config.controller.callTimeoutMs)
    return await this.#deps.controller.call(
      'followHistory',
      { ...from, limit: HISTORY_RECORDS_MAX },
      { timeoutMs, signal }
    )
  }
}

/** Everything up to here was looked at; records can be newer than what was last a moment before. */
const endOf = (records: readonly StoredHistory[], last: number): number =>
  Math.max(last, records.at(-1)?.seq ?? 0)

/** Somebody who listens to events, goes away and comes back at whatever edge, and now and then dies between two of them. */

import type { EventBatch, ListenTo, ToldEvent } from '../../../src/edge/events/listening.ts'
import { asPeerbinError, ERRORS } from '../../../src/errors.ts'
import type { EventType } from '../../../src/events.ts'
import { SCOPES } from '../../../src/types.ts'
import type { Chance } from '../chance.ts'
import type { SimEdge } from '../edge.ts'
import type { SimUser } from '../files/users-ledger.ts'
import { ViolationError } from '../ledger.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'

/** Whoever hears nothing for so long, not even that the connection lives, goes elsewhere. */
const SILENT_MS = 40_000
const AGAIN_MS = 500

export interface ListenerDeps {
  readonly world: World
  readonly workload: Workload
  readonly chance: Chance
  /** Undefined: all. */
  readonly types?: readonly EventType[] | undefined
}

export class SimListener {
  readonly name: string
  readonly user: SimUser
  /** What it was told, by the place in the stream. */
  readonly heard = new Map<number, ToldEvent>()
  repeats = 0
  visits = 0
  readonly #deps: ListenerDeps
  /** What it has kept; undefined: it begins with the oldest. */
  #cursor: string | undefined
  /** Up to here it has dealt with everything, as far as it has kept that. */
  #keptTo = 0
  #isOver = false

  constructor(name: string, user: SimUser, deps: ListenerDeps) {
    this.name = name
    this.user = user
    this.#deps = deps
  }

  /** Greatest number that it was told; with a choice of types that says less. */
  get newest(): number {
    return Math.max(0, ...this.heard.keys())
  }

  get isPicky(): boolean {
    return this.#deps.types !== undefined
  }

  /** Ends it with the next batch. */
  stop(): void {
    this.#isOver = true
  }

  /** Comes and goes, until it is stopped. */
  async live(): Promise<void> {
    const { workload, chance } = this.#deps
    while (!this.#isOver) {
      const edge = await workload.anEdge()
      this.visits++
      const stayMs = workload.isClosed ? Infinity : chance.between(500, 12_000)
      await this.#visit(edge, stayMs)
      const awayMs = workload.isClosed ? AGAIN_MS : chance.between(0, chance.pick([1000, 15_000]))
      await workload.sleep(awayMs)
    }
  }

  async #visit(edge: SimEdge, stayMs: number): Promise<void> {
    const { world, workload, chance, types } = this.#deps
    const left = new AbortController()
    const actor = { user: this.user.id, role: 'user' as const, kind: 'session' as const, scopes: SCOPES }
    const after = this.#cursor ?? 'start'
    const limit = chance.pick([1, 3, 100])
    const from: ListenTo = { after, limit, ...(types && { types }) }
    using held = edge.events.open(actor)
    // not by AbortSignal.any, which is collected when nobody waits for it: a run would depend on the collector
    held.signal.addEventListener('abort', () => left.abort(held.signal.reason), { once: true })
    const batches = edge.events.events(actor, from, left.signal)
    const endsAt = world.time.nowMs + stayMs
    try {
      for (let place = this.#keptTo; !this.#isOver;) {
        const timeoutMs = Math.min(SILENT_MS, endsAt - world.time.nowMs)
        if (timeoutMs <= 0) return
        const step = await workload.within(edge, timeoutMs, () => batches.next())
        if (step === 'unknown') return
        if ('error' in step) return this.#failed(step.error)
        if (step.value.done === true) return
        const next = this.#take(step.value.value, place)
        if (next === undefined) return
        place = next
      }
    } finally {
      left.abort()
    }
  }

  /** @returns up to where it has dealt with everything; undefined: it died in the middle of that */
  #take({ events, cursor }: EventBatch, before: number): number | undefined {
    const { chance } = this.#deps
    const diesAt = chance.happens(0.08) ? chance.whole(0, events.length) : Infinity
    let place = before
    for (const [at, event] of events.entries()) {
      if (at === diesAt) return undefined
      this.#hear(event, place)
      place = event.number
      if (chance.happens(0.2)) this.#keep(event.cursor, place)
    }
    if (diesAt !== Infinity) return undefined
    this.#keep(cursor, place)
    return place
  }

  #keep(cursor: string, place: number): void {
    this.#cursor = cursor
    this.#keptTo = place
  }

  #hear(event: ToldEvent, place: number): void {
    const { number, id, type } = event
    const known = this.heard.get(number)
    if (event.stream !== `user:${this.user.id}`)
      throw new ViolationError('rights', `${this.name} is told of ${event.stream}`)
    if (number <= place)
      throw new ViolationError(
        'events',
        `${this.name} has dealt with ${place}, and is told ${number} (${type})`
      )
    if (!this.isPicky && number !== place + 1)
      throw new ViolationError(
        'events',
        `${this.name} has dealt with ${place}, and the next is ${number} (${type})`
      )
    if (known === undefined) this.heard.set(number, event)
    else {
      this.repeats++
      if (known.id !== id || JSON.stringify(known.data) !== JSON.stringify(event.data))
        throw new ViolationError('events', `${this.name} was told ${number} twice, and not the same`)
    }
  }

  #failed(error: unknown): void {
    const { code } = asPeerbinError(error)
    this.#deps.world.trace.note(`${this.name} is told ${code}`)
    if (!ERRORS[code].retryable)
      throw new ViolationError('events', `${this.name} is told ${code}: ${String(error)}`)
  }
}

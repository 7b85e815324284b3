/** Somebody who listens to a pool, goes away and comes back at whatever edge, dies between two events, and fetches results. */

import type { EventBatch, ListenTo, ToldEvent } from '../../../src/edge/events/listening.ts'
import { asPeerbinError, ERRORS, hasCode } from '../../../src/errors.ts'
import type { EventType } from '../../../src/events.ts'
import { poolStream } from '../../../src/pools.ts'
import type { GroupId } from '../../../src/pools.ts'
import type { Chance } from '../chance.ts'
import type { SimEdge } from '../edge.ts'
import { ViolationError } from '../ledger.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import * as edges from './edge-requests.ts'
import type { PoolsLedger, SimMember } from './pools-ledger.ts'

/** Whoever hears nothing for so long goes elsewhere. */
const SILENT_MS = 40_000
const AGAIN_MS = 500
const FETCH_SHARE = 0.3

/** What those who neither own nor work are told, beside what is about themselves. */
const FOR_ALL: ReadonlySet<EventType> = new Set([
  'pool.changed',
  'pool.deleted',
  'group.closed',
  'group.done',
  'group.failed'
])
const OF_MEMBERS: ReadonlySet<EventType> = new Set(['member.joined', 'member.changed', 'member.removed'])

export interface PoolListenerDeps {
  readonly world: World
  readonly workload: Workload
  readonly ledger: PoolsLedger
  readonly chance: Chance
  readonly count: (what: string) => void
}

export class PoolListener {
  readonly member: SimMember
  /** What it was told, by the place in the stream. */
  readonly heard = new Map<number, ToldEvent>()
  readonly #deps: PoolListenerDeps
  /** What it has kept. */
  #cursor = 'start'
  #keptTo = 0
  #isOver = false

  constructor(member: SimMember, deps: PoolListenerDeps) {
    this.member = member
    this.#deps = deps
  }

  stop(): void {
    this.#isOver = true
  }

  /** Whether it must be told that. */
  sees({ type, subject }: Pick<ToldEvent, 'type' | 'subject'>): boolean {
    const { role, user } = this.member
    const isOwn = OF_MEMBERS.has(type) && subject === user.id
    return role === 'owner' || role === 'server' || isOwn || FOR_ALL.has(type)
  }

  /** Comes and goes, until it is stopped. */
  async live(): Promise<void> {
    const { workload, chance } = this.#deps
    while (!this.#isOver) {
      const edge = await workload.anEdge()
      await this.#visit(edge, workload.isClosed ? Infinity : chance.between(500, 12_000))
      await workload.sleep(workload.isClosed ? AGAIN_MS : chance.between(0, chance.pick([1000, 15_000])))
    }
  }

  async #visit(edge: SimEdge, stayMs: number): Promise<void> {
    const { world, workload, chance } = this.#deps
    const { user, pool } = this.member
    const left = new AbortController()
    const actor = edges.actorOf(user)
    const from: ListenTo = { after: this.#cursor, limit: chance.pick([1, 3, 100]), pool: pool.id }
    using held = edge.events.open(actor)
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
        const next = await this.#take(step.value.value, place)
        if (next === undefined) return
        place = next
      }
    } finally {
      left.abort()
    }
  }

  /** @returns up to where it has dealt with everything; undefined: it died in the middle of that */
  async #take({ events, cursor }: EventBatch, before: number): Promise<number | undefined> {
    const { chance, workload } = this.#deps
    const diesAt = !workload.isClosed && chance.happens(0.08) ? chance.whole(0, events.length) : Infinity
    let place = before
    for (const [at, event] of events.entries()) {
      if (at === diesAt) return undefined
      this.#hear(event, place)
      place = event.number
      if (event.type === 'group.done' && chance.happens(FETCH_SHARE)) await this.#fetch(event)
      if (chance.happens(0.3)) this.#keep(event.cursor, place)
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
    const { user, pool } = this.member
    const known = this.heard.get(number)
    if (event.stream !== poolStream(pool.id) || !this.sees(event))
      throw new ViolationError(
        'rights',
        `${user.name} is told of ${type} of ${event.subject} in ${event.stream}`
      )
    if (number <= place)
      throw new ViolationError(
        'events',
        `${user.name} has dealt with ${place}, and is told ${number} (${type})`
      )
    if (known !== undefined && known.id !== id)
      throw new ViolationError('events', `${user.name} was told ${number} twice, and not the same`)
    this.heard.set(number, event)
    if (known === undefined) this.#deps.count('heard')
  }

  /** The result that it was told of. */
  async #fetch({ subject, data }: ToldEvent): Promise<void> {
    const { workload, ledger, count } = this.#deps
    const { user, pool } = this.member
    const group = subject as GroupId
    const accepted = ledger.accepted.get(group)
    if (accepted === undefined || accepted.sha256 !== data['result_sha256'])
      throw new ViolationError(
        'results',
        `${user.name} is told of a result of group ${group} that nobody accepted`
      )
    const edge = await workload.anEdge()
    const outcome = await workload.ask(edge, () => edges.readFrom(edge, { user, pool: pool.id }, group))
    if (outcome === 'unknown') return
    if ('error' in outcome) return this.#failed(outcome.error)
    const written = ledger.contents.findWritten(accepted.sha256)
    if (written === undefined || Buffer.compare(written.content, outcome.value.bytes) !== 0)
      throw new ViolationError('B', `${user.name} got wrong bytes of the result of group ${group}`)
    if (outcome.value.group.result !== null) ledger.read.add(outcome.value.group.result.entry)
    count('fetched')
  }

  #failed(error: unknown): void {
    const { world } = this.#deps
    const { user, pool, wasTouched } = this.member
    const { code } = asPeerbinError(error)
    world.trace.note(`${user.name}, listening, is told ${code}`)
    if (hasCode(error, 'cursor-expired') && world.recovery.recovered !== undefined) {
      this.#cursor = 'start'
      this.#keptTo = 0
      this.heard.clear()
      return
    }
    const isExpected =
      ERRORS[code].retryable ||
      (hasCode(error, 'pool-unknown') && (wasTouched || pool.isDeleted)) ||
      (hasCode(error, 'result-expired', 'result-unknown', 'file-unknown', 'group-unknown') &&
        pool.settings.resultTtlMs < 3_600_000)
    if (!isExpected) throw new ViolationError('events', `${user.name} is told ${code}: ${String(error)}`)
  }
}

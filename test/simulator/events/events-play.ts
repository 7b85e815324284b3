/** Users' files, and listeners who come and go: whatever was acknowledged is told in order, at least once, and by the same event. */

import type { EventType, StoredEvent } from '../../../src/events.ts'
import { Asking } from '../files/asking.ts'
import { FilesPlay } from '../files/files-play.ts'
import type { Done } from '../files/hand.ts'
import type { SimUser } from '../files/users-ledger.ts'
import { ViolationError } from '../ledger.ts'
import { SimListener } from './listener.ts'

const CAUGHT_UP_WITHIN_MS = 120_000
const LISTENERS = 2
const PICKED: readonly EventType[] = ['file.added', 'file.removed', 'link.redeemed']
const CONTENT: readonly EventType[] = ['file.added', 'file.edited']
const ENDED: readonly EventType[] = ['file.removed', 'file.expired']

export class EventsPlay extends FilesPlay {
  readonly #listeners: SimListener[] = []
  readonly #done: Done[] = []
  #listening = 0

  protected override onDone(done: Done): void {
    this.#done.push(done)
  }

  override async begin(): Promise<void> {
    await super.begin()
    for (const user of this.users.users) {
      for (let i = 0; i < LISTENERS; i++) this.#listen(user, `listener ${i + 1} of ${user.name}`)
      this.#listen(user, `choosy listener of ${user.name}`, PICKED)
    }
  }

  #listen(user: SimUser, name: string, types?: readonly EventType[]): void {
    const { world, workload, chance, course } = this.deps
    const listener = new SimListener(name, user, { world, workload, chance: chance.fork(name), types })
    this.#listeners.push(listener)
    this.#listening++
    listener
      .live()
      .catch((error: unknown) => course.failed(error))
      .finally(() => this.#listening--)
  }

  override async verify(): Promise<void> {
    await super.verify()
    const { course } = this.deps
    for (const user of this.users.users) {
      let told: StoredEvent[] = []
      await course.along('everything is told', CAUGHT_UP_WITHIN_MS, async () => {
        told = await this.#told(user)
      })
      const late = (): string => this.#late(user, told.length)
      await course.until('every listener has heard of it', CAUGHT_UP_WITHIN_MS, () => late() === '', {
        invariant: 'events',
        instead: async () => late()
      })
      this.#verifyListeners(user, told)
      this.#verifyDone(user, told)
      await course.along('the events tell of what is there', CAUGHT_UP_WITHIN_MS, () => this.#replay(user))
    }
    for (const listener of this.#listeners) {
      this.count('events', listener.heard.size)
      this.count('repeats', listener.repeats)
      this.count('visits', listener.visits)
      listener.stop()
    }
    await course.until('the listeners have gone', CAUGHT_UP_WITHIN_MS, () => this.#listening === 0)
  }

  /** All of a stream, as the controller has it. */
  async #told(user: SimUser): Promise<StoredEvent[]> {
    const asking = new Asking(user, this.deps.workload)
    const stream = `user:${user.id}` as StoredEvent['stream']
    const told: StoredEvent[] = []
    for (let after = 0; ;) {
      const page = await asking.insist('listEvents', { actor: asking.actor, stream, after, limit: 100 })
      told.push(...page.events)
      const last = page.events.at(-1)
      if (last === undefined || last.number >= page.last) break
      after = last.number
    }
    const gap = told.findIndex(({ number }, at) => number !== at + 1)
    if (gap >= 0) throw new ViolationError('events', `number ${gap + 1} of ${user.name} is not there`)
    return told
  }

  #late(user: SimUser, count: number): string {
    const late = this.#listeners.find(
      (listener) => listener.user === user && !listener.isPicky && listener.newest < count
    )
    return late === undefined ? '' : `${late.name} has heard ${late.newest} of ${count}`
  }

  /** Each was told all of it, or all of what it chose, and the same. */
  #verifyListeners(user: SimUser, told: readonly StoredEvent[]): void {
    for (const listener of this.#listeners.filter((each) => each.user === user)) {
      const wanted = listener.isPicky ? told.filter(({ type }) => PICKED.includes(type)) : told
      // a choosy one may have the last of them still to come
      const due = listener.isPicky ? wanted.filter(({ number }) => number <= listener.newest) : wanted
      for (const { number, id } of due)
        if (listener.heard.get(number)?.id !== id)
          throw new ViolationError('events', `${listener.name} was not told ${number}`)
    }
  }

  /** Everything that was acknowledged is there, and what came after it behind it. */
  #verifyDone(user: SimUser, told: readonly StoredEvent[]): void {
    const numbers = new Map<Done, number>()
    for (const done of this.#done.filter((each) => each.user === user)) {
      const matching = told.filter((event) => isOf(event, done))
      if (matching.length === 0)
        throw new ViolationError(
          'events',
          `nothing tells of ${done.types.join('/')} of ${done.subject.slice(0, 8)} ${JSON.stringify(done.data)}`
        )
      const [only, another] = matching
      // once a version was dropped, one before it counts again, and that is told as well
      const isOnce =
        done.isOnce &&
        !told.some(({ type, subject }) => type === 'version.removed' && subject === done.subject)
      if (isOnce && another !== undefined)
        throw new ViolationError(
          'events',
          `${only?.number} and ${another.number} tell of the same ${another.type}`
        )
      if (only !== undefined && another === undefined) numbers.set(done, only.number)
    }
    const inOrder = [...numbers].toSorted(([a], [b]) => a.endedAtMs - b.endedAtMs)
    for (const [before, number] of inOrder)
      for (const [after, later] of inOrder)
        if (before.endedAtMs < after.beganAtMs && number > later)
          throw new ViolationError(
            'events',
            `${number} (${before.types[0]} of ${before.subject.slice(0, 8)}, ${before.beganAtMs} to ${before.endedAtMs}) was acknowledged before ${later} (${after.types[0]} of ${after.subject.slice(0, 8)}, ${JSON.stringify(after.data)}) was asked for at ${after.beganAtMs}`
          )
  }

  /** Whoever only hears the events knows all files. */
  async #replay(user: SimUser): Promise<void> {
    const asking = new Asking(user, this.deps.workload)
    let told = await this.#told(user)
    let listed = await asking.listed()
    // what nobody was told the outcome of may come to be meanwhile
    for (let before = -1; before !== told.length;) {
      before = told.length
      listed = await asking.listed()
      told = await this.#told(user)
    }
    const known = new Map<string, { path: unknown; sha256: unknown }>()
    for (const { type, subject, data } of told) {
      if (CONTENT.includes(type) || type === 'file.moved')
        known.set(subject, { path: data['path'], sha256: data['sha256'] ?? null })
      if (ENDED.includes(type)) known.delete(subject)
    }
    const isSteady = (id: string): boolean =>
      ![...this.users.entries.values()].some((entry) => entry.id === id && entry.expires)
    for (const { id, path, current } of listed) {
      if (current.sha256 === null || !isSteady(id)) continue
      const heard = known.get(id)
      if (heard?.path !== path || heard.sha256 !== current.sha256)
        throw new ViolationError(
          'events',
          `the events say that ${id.slice(0, 8)} is ${JSON.stringify(heard)}, and it is at ${path} with ${current.sha256.slice(0, 8)}`
        )
    }
    const there = new Set<string>(listed.map(({ id }) => id))
    for (const id of known.keys())
      if (!there.has(id) && isSteady(id))
        throw new ViolationError('events', `the events say that ${id.slice(0, 8)} is there`)
  }
}

const isOf = ({ type, subject, data }: StoredEvent, done: Done): boolean =>
  done.types.includes(type) &&
  subject === done.subject &&
  Object.entries(done.data).every(([key, value]) => data[key] === value)

/** Somebody at a device, who does one thing after another with the files of a user. */

import { hasCode } from '../../../src/errors.ts'
import { ViolationError } from '../ledger.ts'
import { Hand, REFUSED, type PersonDeps } from './hand.ts'
import { Others } from './others.ts'
import { Reading } from './reading.ts'
import { Sending } from './sending.ts'
import { isSure, label, type SimEntry, type SimUser } from './users-ledger.ts'

export const ACTS = {
  add: 5,
  overwrite: 5,
  resume: 2,
  read: 4,
  list: 1.5,
  move: 3,
  change: 1,
  restore: 2,
  dropVersion: 1.2,
  prune: 0.8,
  remove: 2,
  share: 2,
  haunt: 0.7,
  intrude: 1,
  space: 1
} as const
type Act = keyof typeof ACTS

export class Person extends Hand {
  readonly #sending = new Sending(this)
  readonly #reading = new Reading(this)
  readonly #others = new Others(this)
  readonly #count: (act: string) => void

  constructor(user: SimUser, deps: PersonDeps, count: (act: string) => void) {
    super(user, deps)
    this.#count = count
  }

  async live(acts: number, pauseMs: number): Promise<void> {
    const { workload, chance } = this.deps
    for (let i = 0; i < acts && !workload.isClosed; i++) {
      await workload.sleep(chance.between(0, 2 * pauseMs))
      const act: Act = i < 2 ? 'add' : chance.weighted(ACTS)
      this.#count(act)
      await this.#does[act]()
    }
  }

  /** @returns false: nobody could answer */
  async read(entry: SimEntry, number: number | undefined): Promise<boolean> {
    return await this.#reading.read(entry, number)
  }

  readonly #does: Readonly<Record<Act, () => Promise<void>>> = {
    add: () => this.#sending.put(this.newPath(), this.chance.happens(0.5)),
    overwrite: async () => {
      const entry = this.anEntry()
      if (entry !== undefined) await this.#sending.put(this.aPathOf(entry), this.chance.happens(0.1))
    },
    resume: () =>
      this.#sending.putInParts(this.chance.happens(0.5) ? this.newPath() : this.aPathOf(this.anEntry())),
    read: () => this.#reading.some(),
    list: () => this.#reading.list(),
    move: async () => {
      const entry = this.anEntry()
      if (entry === undefined) return
      const path = this.chance.happens(0.8) ? this.newPath() : this.aPathOf(this.anEntry())
      const placing = { path, beganAtMs: this.nowMs, endedAtMs: Infinity, isAcknowledged: false }
      entry.placings.push(placing)
      const moved = await this.of(entry, `is moved to ${path}`, 'moveEntry', { id: entry.id, path })
      if (moved === 'unknown') return
      if ('value' in moved) {
        placing.isAcknowledged = true
        placing.endedAtMs = this.nowMs
        if (moved.value.entry.path !== path)
          throw new ViolationError(
            'versions',
            `${label(entry)} was moved to ${path} and is at ${moved.value.entry.path}`
          )
      } else if (hasCode(moved.error, ...REFUSED)) entry.placings.splice(entry.placings.indexOf(placing), 1)
    },
    change: async () => {
      const entry = this.anEntry()
      if (entry === undefined) return
      const metadata = { n: String(this.chance.whole(0, 9)) }
      await this.of(entry, 'is described', 'changeEntry', { id: entry.id, metadata })
    },
    restore: () => this.#restore(),
    dropVersion: () => this.#dropVersion(),
    prune: () => this.#prune(),
    remove: () => this.#remove(),
    share: () => this.#others.share(),
    haunt: () => this.#others.haunt(),
    intrude: () => this.#others.intrude(),
    space: () => this.#reading.space()
  }

  async #restore(): Promise<void> {
    const entry = this.anEntry()
    const version = entry && this.aVersion(entry)
    if (entry === undefined || version === undefined) return
    const { id } = entry
    const outcome = await this.of(
      entry,
      `goes back to version ${version.number}`,
      'restoreVersion',
      { id, version: version.number },
      version.number
    )
    if (outcome === 'unknown' || 'error' in outcome) return
    const { current } = outcome.value.entry
    if (current.sha256 !== version.written.sha256)
      throw new ViolationError(
        'versions',
        `${label(entry)} went back to content ${version.written.index} and has another`
      )
    this.deps.users.told(entry, current.number, version.written)
  }

  async #dropVersion(): Promise<void> {
    const entry = this.anEntry()
    const version = entry && this.aVersion(entry)
    if (entry === undefined || version === undefined) return
    version.mayBeGone = true
    if (!isSure(entry)) this.#mayEnd(entry)
    const { id } = entry
    const outcome = await this.of(
      entry,
      `loses version ${version.number}`,
      'deleteVersion',
      { id, version: version.number },
      version.number
    )
    if (outcome === 'unknown' || 'error' in outcome) return
    version.isGone = true
    if (outcome.value.entry === null) this.#ended(entry)
  }

  async #prune(): Promise<void> {
    const entry = this.anEntry()
    if (entry === undefined) return
    const keep = this.chance.whole(1, 3)
    const { users } = this.deps
    const newest = users.newest(entry)
    const known = [...entry.versions.values()].toSorted((a, b) => b.number - a.number)
    // what others write at the same time moves the bound
    const isAlone = !users.writings.some(
      ({ user, state }) => user === this.user && (state === 'open' || state === 'unknown')
    )
    known.forEach((version, at) => {
      if (version.number !== newest || !isAlone)
        version.mayBeGone ||= at >= keep || !isAlone || entry.open > 0
    })
    entry.prunings++
    const outcome = await this.of(entry, `keeps ${keep} versions`, 'pruneVersions', { id: entry.id, keep })
    if (outcome !== 'unknown' && 'value' in outcome) entry.prunings--
  }

  async #remove(): Promise<void> {
    const entry = this.anEntry()
    if (entry !== undefined) await this.remove(entry)
  }

  /** @returns whether it is known to be gone */
  async remove(entry: SimEntry): Promise<boolean> {
    if (entry.deleted === 'no') entry.deleted = 'asked'
    this.#mayEnd(entry)
    const outcome = await this.of(entry, 'is deleted', 'deleteEntry', { id: entry.id })
    const isGone = outcome !== 'unknown' && ('value' in outcome || hasCode(outcome.error, 'file-unknown'))
    if (isGone) this.#ended(entry)
    return isGone
  }

  #mayEnd(entry: SimEntry): void {
    for (const share of entry.shares) if (share.revoked === 'no') share.revoked = 'asked'
  }

  #ended(entry: SimEntry): void {
    entry.deleted = 'yes'
    for (const share of entry.shares) share.revoked = 'yes'
  }
}

/** Users who put, change and delete their files from several devices at once, and what must be true of that. */

import type { EntryRecord, VersionRecord } from '../../../src/types.ts'
import type { Holdings } from '../ledger.ts'
import { ViolationError } from '../ledger.ts'
import type { Play, PlayDeps } from '../play.ts'
import { makeUsers } from './asking.ts'
import { Commits } from './commits.ts'
import type { Done } from './hand.ts'
import { Person } from './person.ts'
import { isSure, label, placesOf, type SimUser, UsersLedger } from './users-ledger.ts'

/** Uploads under way end, failures are forgotten, what was deleted is let go. */
const SETTLED_WITHIN_MS = 300_000
const AGAIN_MS = 2000
const PAGE = 100
export class FilesPlay implements Play {
  protected readonly deps: PlayDeps
  readonly users = new UsersLedger()
  readonly counts: Record<string, number> = {}
  readonly #commits: Commits

  constructor(deps: PlayDeps) {
    this.deps = deps
    this.#commits = new Commits(this.users, deps.checks)
  }

  get holdings(): Holdings {
    return this.users
  }

  observe = (operation: string, args: readonly unknown[], answer: unknown): void =>
    this.#commits.observe(operation, args, answer)

  async begin(): Promise<void> {
    const { plan, chance, workload } = this.deps
    this.users.users.push(...(await makeUsers(this.deps)))
    for (const user of this.users.users)
      for (let i = 0; i < plan.personsPerUser; i++) {
        const person = this.#person(user, chance.fork(`${user.name}/${i}`))
        workload.follow(person.live(plan.actsPerPerson, plan.pauseMs))
      }
  }

  async verify(): Promise<void> {
    const { course } = this.deps
    await course.along('everything of the users is as it must be', SETTLED_WITHIN_MS, async () => {
      for (const user of this.users.users) await this.#verifyUser(user)
    })
  }

  async end(): Promise<void> {
    const { course } = this.deps
    await course.along('the users have deleted all their files', SETTLED_WITHIN_MS, async () => {
      for (const user of this.users.users) {
        const person = this.#person(user, this.deps.chance.fork(`${user.name}/end`))
        for (const record of await person.listed()) {
          const entry = this.users.entryOf(record.id, user)
          while (!(await person.remove(entry))) await this.deps.workload.sleep(AGAIN_MS)
        }
        await this.#until(async () => {
          const usedBytes = await person.usedBytes()
          return usedBytes === 0 ? undefined : `${user.name} has nothing, and ${usedBytes} bytes are counted`
        })
      }
    })
  }

  // ---------------------------------------------------------------- users

  protected count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  /** Told of what was acknowledged. */
  protected onDone(_done: Done): void {}

  #person(user: SimUser, chance: PlayDeps['chance']): Person {
    const { world, ledger, workload } = this.deps
    const onDone = (done: Done): void => this.onDone(done)
    const deps = { world, ledger, users: this.users, workload, chance, onDone }
    return new Person(user, deps, (act) => this.count(act))
  }

  // ---------------------------------------------------------------- what must be true in the end

  async #verifyUser(user: SimUser): Promise<void> {
    const { users } = this
    const person = this.#person(user, this.deps.chance.fork(`${user.name}/verify`))
    await this.#until(async () => {
      const found = await person.listed()
      const sizes = new Map<string, number>()
      const hashes = new Set<string>()
      for (const record of found) {
        const versions = await this.#versions(person, record)
        const waiting = versions.find(({ status }) => status === 'cached')
        if (waiting !== undefined) return `version ${waiting.number} of ${record.path} is cached still`
        for (const { file, sizeBytes, sha256 } of versions) {
          if (file === null || sha256 === null) continue
          sizes.set(file, sizeBytes)
          hashes.add(sha256)
        }
      }
      const usedBytes = await person.usedBytes()
      const least = [...sizes.values()].reduce((total, size) => total + size, 0)
      if (usedBytes >= least && usedBytes <= least + this.#heldByLinks(user, hashes)) return undefined
      return `${user.name} has ${least} bytes, and ${usedBytes} are counted`
    })
    const found = await person.listed()
    for (const record of found) await this.#verifyEntry(person, record)
    const there = new Set(found.map(({ id }) => id))
    for (const entry of users.of(user)) {
      if (isSure(entry) && !there.has(entry.id))
        throw new ViolationError('versions', `${label(entry)} is gone`)
      if (entry.deleted === 'yes' && there.has(entry.id))
        throw new ViolationError('versions', `${label(entry)} was deleted and is there`)
    }
  }

  /** Links that are not used up keep the content of versions that were dropped, which is counted as well. */
  #heldByLinks(user: SimUser, listed: ReadonlySet<string>): number {
    const held = new Map<string, number>()
    for (const { shares } of this.users.of(user))
      for (const { sha256, content } of shares) if (!listed.has(sha256)) held.set(sha256, content.byteLength)
    return [...held.values()].reduce((total, size) => total + size, 0)
  }

  async #verifyEntry(person: Person, record: EntryRecord): Promise<void> {
    const { users } = this
    const entry = users.entryOf(record.id, person.user)
    const versions = await this.#versions(person, record)
    const stored = versions.filter(({ file }) => file !== null)
    for (const { number, sha256 } of stored) users.told(entry, number, users.writtenOf(sha256, person.user))
    const numbers = new Set(stored.map(({ number }) => number))
    for (const version of entry.versions.values())
      if (isSure(entry) && !version.mayBeGone && !numbers.has(version.number))
        throw new ViolationError('versions', `version ${version.number} of ${label(entry)} is gone`)
    const [newest] = stored
    if (newest !== undefined && record.current.number !== newest.number)
      throw new ViolationError(
        'versions',
        `${newest.number} is the newest of ${label(entry)}, and ${record.current.number} counts`
      )
    const places = placesOf(entry)
    if (places !== undefined && !places.has(record.path))
      throw new ViolationError(
        'versions',
        `${label(entry)} is at ${record.path}, and was put to ${[...places].join()}`
      )
    for (const { number } of stored)
      while (!(await person.read(entry, number))) await this.deps.workload.sleep(AGAIN_MS)
  }

  async #versions(person: Person, { id }: EntryRecord): Promise<VersionRecord[]> {
    const { actor } = person
    const told = await person.insistUnless('listVersions', { actor, id, limit: PAGE }, ['file-unknown'])
    if (told !== undefined) return told.versions
    const entry = this.users.entryOf(id, person.user)
    if (isSure(entry)) throw new ViolationError('versions', `${label(entry)} is listed, and unknown`)
    return [] // its time has come
  }

  /** @param lacks what is not yet so; undefined: nothing */
  async #until(lacks: () => Promise<string | undefined>): Promise<void> {
    const { world, workload } = this.deps
    const endsAt = world.time.nowMs + SETTLED_WITHIN_MS / 2
    for (;;) {
      const text = await lacks()
      if (text === undefined) return
      if (world.time.nowMs > endsAt)
        throw new ViolationError(text.includes('cached') ? 'settled' : 'quota', text)
      await workload.sleep(AGAIN_MS)
    }
  }
}

/** Laptops with synced folders of one user, whose owners work in them, go offline and crash; in the end all folders are equal, and nothing is lost. */

import type { CommittedFile } from '../../../src/metadata-records.ts'
import type { Chance } from '../chance.ts'
import { Asking, makeUsers } from '../files/asking.ts'
import { Commits } from '../files/commits.ts'
import { UsersLedger } from '../files/users-ledger.ts'
import type { Holdings } from '../ledger.ts'
import { ViolationError } from '../ledger.ts'
import type { Play, PlayDeps } from '../play.ts'
import { Laptop } from './laptop.ts'
import { hexOf, isGone, Stories, Writer } from './writer.ts'

const ASKED_WITHIN_MS = 100_000
const TROUBLES = { crash: 2, crashSoon: 5, offline: 4, full: 1, away: 0.5 } as const

export class SyncPlay implements Play {
  readonly counts: Record<string, number> = {}
  readonly #deps: PlayDeps
  readonly #users = new UsersLedger()
  readonly #stories = new Stories()
  readonly #commits: Commits
  readonly #laptops: Laptop[] = []
  readonly #hashes = new WeakMap<Uint8Array, string>()

  constructor(deps: PlayDeps) {
    this.#deps = deps
    this.#commits = new Commits(this.#users, deps.checks)
  }

  get holdings(): Holdings {
    return this.#users
  }

  observe = (operation: string, args: readonly unknown[], answer: unknown): void => {
    this.#commits.observe(operation, args, answer)
    if (operation !== 'commitUpload') return
    const { entry, sha256 } = answer as CommittedFile
    if (entry !== undefined) this.#stories.became(sha256, entry)
  }

  async begin(): Promise<void> {
    const { plan, world, workload, chance } = this.#deps
    const [user] = await makeUsers(this.#deps)
    if (user === undefined) throw new Error('there is no user')
    this.#users.users.push(user)
    const asking = new Asking(user, workload)
    for (let i = 0; i < plan.personsPerUser; i++) {
      const plant = world.options.planted?.sync ?? ((parts) => parts)
      const laptop = new Laptop(`laptop-${i + 1}`, { world, workload, asking, plant })
      laptop.disk.toldShare = plan.toldShare
      this.#laptops.push(laptop)
      const users = this.#users
      const own = chance.fork(laptop.name)
      const writer = new Writer({ laptop, user, users, stories: this.#stories, world, chance: own })
      laptop.start()
      workload.follow(this.#work(writer, laptop, own))
      workload.follow(this.#trouble(laptop, own.fork('trouble')))
    }
  }

  async verify(): Promise<void> {
    const { course, world, plan } = this.#deps
    for (const laptop of this.#laptops) {
      laptop.goOnline()
      laptop.disk.isFull = false
      laptop.disk.isAway = false
      laptop.start()
      if (plan.toldShare < 1) laptop.disk.tell(undefined) // else it would be looked at some minutes later
    }
    world.trace.note('all laptops are online')
    await course.until('all folders are equal', plan.equalWithinMs, () => this.#differences() === '', {
      invariant: 'folders',
      instead: async () => this.#differences()
    })
    const [user] = this.#users.users
    if (user === undefined) return
    let there = new Map<string, string>()
    await course.along('the server is asked', ASKED_WITHIN_MS, async () => {
      const listed = await new Asking(user, this.#deps.workload).listed()
      there = new Map(
        listed.flatMap(({ path, current }) => (current.sha256 === null ? [] : [[path, current.sha256]]))
      )
    })
    const here =
      this.#laptops[0] === undefined ? new Map<string, string>() : this.#contentsOf(this.#laptops[0])
    const text = differenceOf('the server', there, 'laptop-1', here)
    if (text !== '') throw new ViolationError('folders', text)
    this.#verifyStories(new Set(there.values()))
    this.#counts('files', there.size)
    this.#counts('conflicts', [...there.keys()].filter((path) => path.includes('(conflict of')).length)
    for (const laptop of this.#laptops) laptop.end()
  }

  async end(): Promise<void> {}

  async #work(writer: Writer, laptop: Laptop, chance: Chance): Promise<void> {
    const { plan, workload } = this.#deps
    for (let i = 0; i < plan.actsPerPerson && !workload.isClosed; i++) {
      await workload.sleep(chance.between(0, 2 * plan.pauseMs))
      if (!laptop.disk.isAway) this.#counts(writer.act())
    }
  }

  async #trouble(laptop: Laptop, chance: Chance): Promise<void> {
    const { plan, workload } = this.#deps
    while (!workload.isClosed) {
      await workload.sleep(chance.between(0, 2 * plan.troubleEveryMs))
      if (workload.isClosed) return
      const kind = chance.weighted(TROUBLES)
      this.#counts(kind)
      if (kind === 'crash') laptop.crash('killed', chance.between(100, 10_000))
      else if (kind === 'crashSoon') laptop.crashSoon()
      else if (kind === 'offline') {
        laptop.goOffline()
        await workload.sleep(chance.between(500, chance.pick([3000, 30_000])))
        laptop.goOnline()
      } else {
        const what = kind === 'full' ? 'isFull' : 'isAway'
        laptop.disk[what] = true
        await workload.sleep(chance.between(500, 5000))
        laptop.disk[what] = false
      }
    }
  }

  // ---------------------------------------------------------------- what must be true in the end

  /** Of what nobody ended, who had it, nothing is lost; what was deleted, and by nobody touched, is gone. */
  #verifyStories(there: ReadonlySet<string>): void {
    for (const [sha256, story] of this.#stories.all) {
      const { written, by, isEnded } = story
      if (!isEnded && !there.has(sha256))
        throw new ViolationError('writings', `content ${written.index}, that was written on ${by}, is lost`)
      if (isGone(story)) this.#counts('gone')
      if (isGone(story) && there.has(sha256))
        throw new ViolationError('writings', `content ${written.index}, that was deleted, is back`)
    }
  }

  #differences(): string {
    const [first, ...others] = this.#laptops
    if (first === undefined) return ''
    const here = this.#contentsOf(first)
    for (const other of others) {
      const text = differenceOf(first.name, here, other.name, this.#contentsOf(other))
      if (text !== '') return text
    }
    // they may be equal by chance while something is under way
    const busy = this.#laptops.find((laptop) => !this.#isAtRest(laptop))
    return busy === undefined
      ? ''
      : `${busy.name} has not come to rest: ${JSON.stringify(busy.summary?.skipped ?? [])}`
  }

  /** Whether what it remembers is what is in the folder. */
  #isAtRest({ disk, isRunning }: Laptop): boolean {
    if (!isRunning || disk.commits.size > 0 || disk.base.size !== disk.files.size) return false
    return [...disk.base.values()].every(({ path, sha256 }) => {
      const file = disk.files.get(path)
      return file !== undefined && this.#hashOf(file.bytes) === sha256
    })
  }

  #contentsOf({ disk }: Laptop): Map<string, string> {
    return new Map([...disk.files].map(([path, { bytes }]) => [path, this.#hashOf(bytes)]))
  }

  #hashOf(bytes: Uint8Array): string {
    const known = this.#hashes.get(bytes) ?? hexOf(bytes)
    this.#hashes.set(bytes, known)
    return known
  }

  #counts(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }
}

function differenceOf(
  oneName: string,
  one: ReadonlyMap<string, string>,
  otherName: string,
  other: ReadonlyMap<string, string>
): string {
  const paths = [...new Set([...one.keys(), ...other.keys()])].filter(
    (path) => one.get(path) !== other.get(path)
  )
  return paths
    .slice(0, 5)
    .map(
      (path) =>
        `${path} is ${short(one.get(path))} on ${oneName} and ${short(other.get(path))} on ${otherName}`
    )
    .join('; ')
}

const short = (sha256: string | undefined): string => sha256?.slice(0, 8) ?? 'nothing'

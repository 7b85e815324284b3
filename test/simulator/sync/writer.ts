/** Somebody who works in a synced folder, and does not know that it is one. */

import { chunkIdOf, sha256 } from '../../../src/protocol/ids.ts'
import type { Chance } from '../chance.ts'
import type { SimUser, UsersLedger, Written } from '../files/users-ledger.ts'
import type { World } from '../world.ts'
import type { EntryId } from '../../../src/types.ts'
import type { Laptop } from './laptop.ts'

export const WRITER_ACTS = {
  create: 4,
  edit: 5,
  move: 2.5,
  remove: 2,
  swap: 0.4,
  copy: 0.4,
  replace: 0.7
} as const
type Act = keyof typeof WRITER_ACTS

/** A file, whatever is in it and wherever it is. */
interface Line {
  /** Who moved, copied or edited it. */
  readonly touchedBy: Set<string>
  /** There is another one with what was in it. */
  isCopied: boolean
  /** The server has both as versions of one file: what was done to either was done to it. */
  partOf: Line | undefined
}

const wholeOf = (line: Line): Line => (line.partOf === undefined ? line : wholeOf(line.partOf))

/** What is known of one content. */
export interface Story {
  readonly written: Written
  readonly by: string
  readonly line: Line
  /** Somebody who had it before them replaced or deleted it. */
  isEnded: boolean
  /** Who deleted it. */
  readonly deletedBy: Set<string>
}

/** Whether it was deleted, and nobody else did anything with the file, so that it must not come back. */
export const isGone = ({ line, deletedBy }: Story): boolean => {
  const { touchedBy, isCopied } = wholeOf(line)
  return (
    deletedBy.size > 0 &&
    !isCopied &&
    [...touchedBy].every((name) => deletedBy.has(name) && deletedBy.size === 1)
  )
}

export class Stories {
  readonly all = new Map<string, Story>()
  readonly #entries = new Map<EntryId, Line>()

  of(bytes: Uint8Array): Story | undefined {
    return this.all.get(hexOf(bytes))
  }

  /**
   * A content became a version of a file. What somebody creates where a file was that went somewhere else is a new file to them, and the next version of that file to everybody
   * whose machine has it still: they may move it, and a move counts for more than a deletion.
   */
  became(sha256: string, entry: EntryId): void {
    const story = this.all.get(sha256)
    if (story === undefined) return
    const line = wholeOf(story.line)
    const known = wholeOf(this.#entries.get(entry) ?? line)
    this.#entries.set(entry, known)
    if (known === line) return
    for (const name of line.touchedBy) known.touchedBy.add(name)
    known.isCopied ||= line.isCopied
    line.partOf = known
  }
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex')

const NAMES = 12

export class Writer {
  readonly #laptop: Laptop
  readonly #user: SimUser
  readonly #users: UsersLedger
  readonly #stories: Stories
  readonly #world: World
  readonly #chance: Chance

  constructor(deps: {
    laptop: Laptop
    user: SimUser
    users: UsersLedger
    stories: Stories
    world: World
    chance: Chance
  }) {
    this.#laptop = deps.laptop
    this.#user = deps.user
    this.#users = deps.users
    this.#stories = deps.stories
    this.#world = deps.world
    this.#chance = deps.chance
  }

  /** One thing. */
  act(): string {
    const act: Act = this.#laptop.disk.files.size < 2 ? 'create' : this.#chance.weighted(WRITER_ACTS)
    const what = this.#does[act]()
    if (what !== undefined) this.#world.trace.note(`${this.#laptop.name}: ${what}`)
    return act
  }

  readonly #does: Readonly<Record<Act, () => string | undefined>> = {
    create: () => {
      const path = this.#freePath()
      return path && `creates ${path}: ${this.#put(path)}`
    },
    edit: () => {
      const path = this.#aPath()
      const before = this.#touch(path)
      if (before !== undefined) before.isEnded = true
      return `edits ${path}: ${this.#put(path, before?.line)}`
    },
    move: () => {
      const [from, to] = [this.#aPath(), this.#freePath()]
      if (to === undefined) return undefined
      this.#touch(from)
      this.#laptop.disk.rename(from, to)
      return `moves ${from} to ${to}`
    },
    remove: () => {
      const path = this.#aPath()
      const before = this.#story(path)
      if (before !== undefined) before.isEnded = true
      before?.deletedBy.add(this.#laptop.name)
      this.#laptop.disk.remove(path)
      return `deletes ${path}`
    },
    swap: () => {
      const [one, other] = [this.#aPath(), this.#aPath()]
      const free = this.#freePath()
      if (one === other || free === undefined) return undefined
      this.#touch(one)
      this.#touch(other)
      const { disk } = this.#laptop
      disk.rename(one, free)
      disk.rename(other, one)
      disk.rename(free, other)
      return `swaps ${one} and ${other}`
    },
    copy: () => {
      const [from, to] = [this.#aPath(), this.#freePath()]
      const bytes = this.#laptop.disk.files.get(from)?.bytes
      if (to === undefined || bytes === undefined) return undefined
      const story = this.#touch(from)
      if (story !== undefined) wholeOf(story.line).isCopied = true
      this.#laptop.disk.put(to, bytes, this.#world.wallMs)
      return `copies ${from} to ${to}`
    },
    replace: () => {
      const [from, to] = [this.#aPath(), this.#aPath()]
      if (from === to) return undefined
      const before = this.#touch(to)
      if (before !== undefined) before.isEnded = true
      this.#touch(from)
      this.#laptop.disk.remove(to)
      this.#laptop.disk.rename(from, to)
      return `puts ${from} in place of ${to}`
    }
  }

  #touch(path: string): Story | undefined {
    const story = this.#story(path)
    if (story !== undefined) wholeOf(story.line).touchedBy.add(this.#laptop.name)
    return story
  }

  #story(path: string): Story | undefined {
    const file = this.#laptop.disk.files.get(path)
    return file && this.#stories.of(file.bytes)
  }

  #put(path: string, line: Line = { touchedBy: new Set(), isCopied: false, partOf: undefined }): string {
    const content = this.#chance.bytes(this.#chance.whole(30, this.#chance.pick([100, 800, 3000])))
    const written: Written = {
      index: this.#users.writings.length,
      user: this.#user,
      content,
      sha256: hexOf(content),
      chunks: [chunkIdOf(content)],
      startedAtMs: this.#world.time.nowMs,
      state: 'open',
      manifest: undefined
    }
    this.#users.add(written)
    const by = this.#laptop.name
    this.#stories.all.set(written.sha256, { written, by, line, isEnded: false, deletedBy: new Set() })
    this.#laptop.disk.put(path, content, this.#world.wallMs)
    return `content ${written.index}`
  }

  /** One where something is. */
  #aPath(): string {
    return this.#chance.pick([...this.#laptop.disk.files.keys()])
  }

  /** A few names, so that others have the same. */
  #freePath(): string | undefined {
    const { files } = this.#laptop.disk
    const folder = this.#chance.pick(['', '', 'd/', 'e/f/'])
    const path = `${folder}n${this.#chance.whole(1, NAMES)}.txt`
    return files.has(path) ? undefined : path
  }
}

/** What users did with their files and were told: the history that their checks judge. */

import type { ChunkId, EntryId, SecretHash, UserId } from '../../../src/types.ts'
import { type Holdings, type Kept, type SimFile, ViolationError } from '../ledger.ts'

export interface SimUser {
  readonly id: UserId
  readonly name: string
  /** Undefined: there is no limit. */
  readonly quotaBytes: number | undefined
}

/** Content that somebody sent, once. */
export interface Written {
  readonly index: number
  readonly user: SimUser
  readonly content: Uint8Array
  readonly sha256: string
  /** Once it was committed: as it was cut. */
  chunks: readonly ChunkId[]
  readonly startedAtMs: number
  /** `refused`: for good, so that nothing of it may ever be seen; `unknown`: whoever sent it was told nothing, or of something that passes. */
  state: 'open' | 'acknowledged' | 'refused' | 'unknown'
  manifest: ChunkId | undefined
}

export interface SimVersion {
  readonly number: number
  readonly written: Written
  /** Somebody asked for its end, or time may have ended it. */
  mayBeGone: boolean
  /** And was told that it is so. */
  isGone: boolean
}

/** Where an entry was put: superseded when another that was acknowledged began after its end. */
interface Placing {
  readonly path: string
  readonly beganAtMs: number
  /** Infinity: nobody knows whether it came to be, or when. */
  endedAtMs: number
  isAcknowledged: boolean
}

export interface SimEntry {
  readonly id: EntryId
  readonly user: SimUser
  readonly versions: Map<number, SimVersion>
  readonly placings: Placing[]
  readonly shares: SimFile[]
  /** `asked`: nobody knows whether it is. */
  deleted: 'no' | 'asked' | 'yes'
  /** It was to end by itself. */
  expires: boolean
  /** Prunings whose end nobody knows: until then versions may go that are no longer the newest. */
  prunings: number
  /** What is asked of it now, and when the last of that ended, virtual ms; Infinity: nobody knows. */
  open: number
  touchedAtMs: number
}

const allOf = ({ chunks, manifest }: Written): ChunkId[] =>
  manifest === undefined ? [...chunks] : [...chunks, manifest]

const keptOf = (written: Written): Kept => ({
  label: `content ${written.index}`,
  all: allOf(written),
  startedAtMs: written.startedAtMs
})

/** Whether it must be there. */
export const isSure = (entry: SimEntry): boolean =>
  entry.deleted === 'no' &&
  !entry.expires &&
  [...entry.versions.values()].some((version) => !version.mayBeGone)

const isSureOf = (entry: SimEntry, version: SimVersion): boolean => isSure(entry) && !version.mayBeGone

export class UsersLedger implements Holdings {
  readonly users: SimUser[] = []
  readonly writings: Written[] = []
  readonly entries = new Map<EntryId, SimEntry>()
  readonly #bySha = new Map<string, Written>()

  kept(): Kept[] {
    const sure = new Set<Written>()
    for (const entry of this.entries.values())
      for (const version of entry.versions.values()) if (isSureOf(entry, version)) sure.add(version.written)
    return [...sure].map(keptOf)
  }

  relied(): Kept[] {
    return this.writings.filter(({ state }) => state !== 'refused').map(keptOf)
  }

  sent(): Kept[] {
    return this.writings.map(keptOf)
  }

  add(written: Written): void {
    this.writings.push(written)
    this.#bySha.set(written.sha256, written)
  }

  /** Contents are all different, so that each is known by its hash. @throws when nobody sent it, or another user did */
  writtenOf(sha256: string | null, user: SimUser): Written {
    const written = sha256 === null ? undefined : this.#bySha.get(sha256)
    if (written === undefined)
      throw new ViolationError('versions', `${user.name} has content that nobody sent`)
    if (written.user !== user)
      throw new ViolationError('rights', `${user.name} has content ${written.index} of ${written.user.name}`)
    if (written.state === 'refused')
      throw new ViolationError('D', `content ${written.index} was refused and is there`)
    return written
  }

  findWritten(sha256: string): Written | undefined {
    return this.#bySha.get(sha256)
  }

  entryOf(id: EntryId, user: SimUser): SimEntry {
    const known = this.entries.get(id)
    if (known !== undefined) {
      if (known.user !== user)
        throw new ViolationError('rights', `${user.name} has a file of ${known.user.name}`)
      return known
    }
    const entry: SimEntry = {
      id,
      user,
      versions: new Map(),
      placings: [],
      shares: [],
      deleted: 'no',
      expires: false,
      prunings: 0,
      open: 0,
      touchedAtMs: 0
    }
    this.entries.set(id, entry)
    return entry
  }

  /** Somebody was told of a version. @throws when its number had other content, or it is gone */
  told(entry: SimEntry, number: number, written: Written): SimVersion {
    const known = entry.versions.get(number)
    if (known === undefined) {
      const version = { number, written, mayBeGone: entry.prunings > 0, isGone: false }
      entry.versions.set(number, version)
      return version
    }
    if (known.written !== written)
      throw new ViolationError(
        'versions',
        `${label(entry)} had two versions ${number}: ${known.written.index} and ${written.index}`
      )
    if (known.isGone) throw new ViolationError('versions', `version ${number} of ${label(entry)} is back`)
    return known
  }

  /** Greatest number that anybody was told of and nobody asked to end; 0: there is none. */
  newest(entry: SimEntry): number {
    return Math.max(
      0,
      ...[...entry.versions.values()].filter((v) => !v.mayBeGone).map(({ number }) => number)
    )
  }

  of(user: SimUser): SimEntry[] {
    return [...this.entries.values()].filter((entry) => entry.user === user)
  }

  shareOf(tokenHash: SecretHash): SimEntry | undefined {
    return [...this.entries.values()].find(({ shares }) =>
      shares.some(({ share }) => share?.tokenHash === tokenHash)
    )
  }
}

/** For a person. */
export const label = (entry: SimEntry): string => `${entry.user.name}'s file ${entry.id.slice(0, 8)}`

/** Where it can be now; undefined: anywhere. */
export function placesOf(entry: SimEntry): Set<string> | undefined {
  const { placings } = entry
  const last = Math.max(
    -Infinity,
    ...placings.filter((each) => each.isAcknowledged).map((each) => each.beganAtMs)
  )
  if (last === -Infinity) return undefined
  return new Set(placings.filter((each) => each.endedAtMs >= last).map(({ path }) => path))
}

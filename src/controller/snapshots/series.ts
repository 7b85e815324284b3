/** One base with the changes that follow it, and the nodes that keep them. Keeps changes until every one of those nodes has them, within bounds. */

import type { Clock } from '../../interfaces.ts'
import type { Member, PeerId } from '../../types.ts'
import type { Piece } from './pieces.ts'

/** A node that is so far behind gets a new base instead. */
const BACKLOG_BYTES_MAX = 8 * 1024 * 1024
const BACKLOG_ENTRIES_MAX = 64

/** Until where the nodes have everything: base number, and sequence of the changes after it. */
export interface Position {
  readonly base: number
  readonly changes: number
}

/** A base that a node gave back its word for; what a backup is made of. */
export interface WholeBase {
  readonly base: number
  readonly parts: number
  readonly peers: readonly PeerId[]
}

export interface NewBase {
  readonly base: number
  /** The newest that is on as many nodes as make it safe, which may be the same; undefined: none of this term has been. */
  readonly safe: number | undefined
}

/** Changes that were taken from the store. */
export interface ChangesEntry {
  readonly sequence: number
  readonly pieces: readonly Piece[]
  readonly bytes: number
  /** When they were taken, monotonic. */
  readonly takenAt: number
  /** The same by the store's time: whatever was decided before it is in them, or in what came before. */
  readonly storeTime: number
  /** Number of this taking, of bases and changes together: whatever was committed before it began is in it, or in what came before. */
  readonly order: number
}

/** When something was taken from the store. */
export type Taking = Pick<ChangesEntry, 'takenAt' | 'storeTime' | 'order'>

export interface SeriesStart extends Taking {
  readonly base: number
  readonly parts: number
  readonly baseBytes: number
  /** Nodes that have the base, in the life in which they were chosen: after that they may have lost it. */
  readonly holders: ReadonlyArray<Pick<Member, 'peer' | 'boot'>>
}

export interface SeriesDeps {
  readonly clock: Clock
  /** Whether having something there makes it safer: the node is on another machine, if there is one. */
  readonly counts: (peer: PeerId) => boolean
}

export class Series {
  readonly start: SeriesStart
  /** Nodes that count which must have something before it is safe. */
  needed = 1
  readonly #clock: Clock
  readonly #counts: (peer: PeerId) => boolean
  readonly #backlog: ChangesEntry[] = []
  /** Sequence of the last changes each node has. */
  readonly #reached = new Map<PeerId, number>()
  #changesBytes = 0
  #last = 0
  /** Up to where everything is safe. */
  #safe: Taking

  /** @param needed see the property */
  constructor(start: SeriesStart, needed: number, { clock, counts }: SeriesDeps) {
    this.start = start
    this.needed = needed
    this.#clock = clock
    this.#counts = counts
    for (const { peer } of start.holders) this.#reached.set(peer, 0)
    const nothing = { takenAt: start.takenAt, storeTime: 0, order: 0 }
    this.#safe = this.#safeSequence === undefined ? nothing : start
  }

  /** Nodes that have the base and are kept up to date. */
  get peers(): PeerId[] {
    return [...this.#reached.keys()]
  }

  /** Whether the node has begun another life since it got the base. */
  hasRestarted({ peer, boot }: Pick<Member, 'peer' | 'boot'>): boolean {
    return this.start.holders.some((holder) => holder.peer === peer && holder.boot !== boot)
  }

  /** Sequence of the last changes taken. */
  get last(): number {
    return this.#last
  }

  get changesBytes(): number {
    return this.#changesBytes
  }

  /** Whether more may be taken from the store before the nodes have what was taken. */
  get hasRoom(): boolean {
    return this.#backlogBytes() < BACKLOG_BYTES_MAX && this.#backlog.length < BACKLOG_ENTRIES_MAX
  }

  get upToDate(): PeerId[] {
    return this.peers.filter((peer) => this.#reached.get(peer) === this.#last)
  }

  /** Whether the base is: what comes before it may go. */
  get isSafe(): boolean {
    return this.#safeSequence !== undefined
  }

  /** Sequence up to which every node has the changes. */
  get everywhere(): number {
    return Math.min(this.#last, ...this.#reached.values())
  }

  get behindMs(): number {
    return this.#clock.monotonic() - this.#safe.takenAt
  }

  /** Store's time before which everything is safe; 0: nothing is. */
  get coveredUntil(): number {
    return this.#safe.storeTime
  }

  /** Number of the last taking that is safe, with all before it; 0: none is. */
  get coveredOrder(): number {
    return this.#safe.order
  }

  add(entry: ChangesEntry): void {
    this.#backlog.push(entry)
    this.#last = entry.sequence
    this.#changesBytes += entry.bytes
  }

  /** Nothing has changed up to then: what was safe is as new as that, unless there are changes that are not. */
  unchanged(taking: Taking): void {
    if (this.#safeSequence === this.#last) this.#safe = taking
  }

  /** What a node lacks, in order. */
  lacking(peer: PeerId): ChangesEntry[] {
    const reached = this.#reached.get(peer) ?? Infinity
    return this.#backlog.filter((entry) => entry.sequence > reached)
  }

  has(peer: PeerId, entry: ChangesEntry): void {
    if (!this.#reached.has(peer)) return
    this.#reached.set(peer, entry.sequence)
    const safe = this.#backlog.findLast(({ sequence }) => sequence <= (this.#safeSequence ?? -1))
    if (safe !== undefined && safe.takenAt > this.#safe.takenAt) this.#safe = safe
    const everywhere = this.everywhere
    while ((this.#backlog[0]?.sequence ?? Infinity) <= everywhere) this.#backlog.shift()
  }

  drop(peer: PeerId): void {
    this.#reached.delete(peer)
  }

  /** Nodes that hold up the others: when there is no room left, those that have least are let go. */
  stragglers(): PeerId[] {
    if (this.hasRoom) return []
    const least = Math.min(...this.#reached.values())
    return this.peers.filter((peer) => this.#reached.get(peer) === least)
  }

  /** Sequence of the last changes that are safe; undefined: not even the base is. */
  get #safeSequence(): number | undefined {
    const counted = this.peers.filter(this.#counts).map((peer) => this.#reached.get(peer) ?? 0)
    return counted.toSorted((a, b) => b - a)[this.needed - 1]
  }

  #backlogBytes(): number {
    return this.#backlog.reduce((sum, entry) => sum + entry.bytes, 0)
  }
}

/** One base with the changes that follow it, and the nodes that keep them. Keeps changes until every one of those nodes has them, within bounds. */

import type { Clock } from '../../interfaces.ts'
import type { PeerId } from '../../types.ts'
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

/** Changes that were taken from the store. */
export interface ChangesEntry {
  readonly sequence: number
  readonly pieces: readonly Piece[]
  readonly bytes: number
  /** When they were taken, monotonic. */
  readonly takenAt: number
  /** The same by the store's time: whatever was decided before it is in them, or in what came before. */
  readonly storeTime: number
}

export interface SeriesStart {
  readonly base: number
  readonly parts: number
  readonly baseBytes: number
  readonly peers: readonly PeerId[]
  readonly takenAt: number
  /** 0 when no node has it that counts (see `Series.has`). */
  readonly storeTime: number
}

export class Series {
  readonly start: SeriesStart
  readonly #clock: Clock
  readonly #backlog: ChangesEntry[] = []
  /** Sequence of the last changes each node has. */
  readonly #reached = new Map<PeerId, number>()
  #changesBytes = 0
  #last = 0
  /** What at least one node has. */
  #newest: { takenAt: number; storeTime: number }

  constructor(start: SeriesStart, clock: Clock) {
    this.start = start
    this.#clock = clock
    this.#newest = start
    for (const peer of start.peers) this.#reached.set(peer, 0)
  }

  /** Nodes that have the base and are kept up to date. */
  get peers(): PeerId[] {
    return [...this.#reached.keys()]
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

  /** Sequence up to which every node has the changes. */
  get everywhere(): number {
    return Math.min(this.#last, ...this.#reached.values())
  }

  get behindMs(): number {
    return this.#clock.monotonic() - this.#newest.takenAt
  }

  /** Store's time before which everything is on a node. */
  get coveredUntil(): number {
    return this.#newest.storeTime
  }

  add(entry: ChangesEntry): void {
    this.#backlog.push(entry)
    this.#last = entry.sequence
    this.#changesBytes += entry.bytes
  }

  /** Nothing has changed up to then: those that have everything are as new as that, if one of them counts (see `has`). */
  unchanged(time: { takenAt: number; storeTime: number }, counts: (peer: PeerId) => boolean): void {
    if (this.upToDate.some(counts)) this.#newest = time
  }

  /** What a node lacks, in order. */
  lacking(peer: PeerId): ChangesEntry[] {
    const reached = this.#reached.get(peer) ?? Infinity
    return this.#backlog.filter((entry) => entry.sequence > reached)
  }

  /** @param counts whether having it there makes it safe: the node is on another machine, if there is one */
  has(peer: PeerId, entry: ChangesEntry, counts: boolean): void {
    if (!this.#reached.has(peer)) return
    this.#reached.set(peer, entry.sequence)
    if (counts && entry.takenAt > this.#newest.takenAt) this.#newest = entry
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

  #backlogBytes(): number {
    return this.#backlog.reduce((sum, entry) => sum + entry.bytes, 0)
  }
}

import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Random, StepResult, Worker } from '../../interfaces.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { PeerId } from '../../types.ts'
import type { Leadership } from '../leadership.ts'
import type { StoreTime } from '../store-time.ts'
import { chooseHolders } from './holders.ts'
import type { SnapshotWriter } from './node-snapshots.ts'
import { cut, sealAll, sealPiece } from './pieces.ts'
import { SAFE_COPIES } from './note-placement.ts'
import type { Piece } from './pieces.ts'
import { Series } from './series.ts'
import type { Position, WholeBase } from './series.ts'

export type { Position, WholeBase } from './series.ts'

/** A base this small costs nothing: changes may grow to this many bytes (times baseFactor) in any case. */
const BASE_BYTES_MIN = 1024 * 1024
/** Changes after one base, about two hours' worth: each is a request when somebody recovers. */
const CHANGES_MAX = 4096
/** A new base comes at the earliest after so many times what the last one took, unless there is none. */
const BASE_PAUSE_FACTOR = 4
/** At a start the nodes come one after the other; so long as many as are wanted are waited for. */
const SETTLE_MS = 4000
/** Timers are not exact: a round that comes a little early must not be skipped. */
const INTERVAL_SHARE = 0.9
/** Whether a base is due is looked at so often. */
const LOOK_MS = 1000

export interface ShipperDeps {
  readonly self: PeerId
  readonly source: SnapshotSource
  readonly writer: SnapshotWriter
  readonly secret: Uint8Array
  readonly membership: Membership
  readonly leadership: Leadership
  readonly time: StoreTime
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['snapshot']
  /** Resolves when every change that was asked for before is in what the source gives: it reads what is committed, and changes may wait for that. */
  readonly settled: (storeTime: number) => Promise<void>
  /** Whether having a piece there makes it safe from the loss of this machine. */
  readonly counts: (peer: PeerId) => boolean
  /** All nodes that keep snapshots have everything up to there. */
  readonly onEverywhere: (position: Position, signal: AbortSignal) => Promise<void>
  /** A new base is whole, and older ones may go. */
  readonly onBase: (base: number, signal: AbortSignal) => Promise<void>
}

interface BaseRequest {
  resolve: (whole: WholeBase) => void
  reject: (error: PeerbinError) => void
}

/**
 * Takes the metadata to the nodes: the whole of it at the start, and when the nodes change or the changes have grown; in between, every interval, what changed. One
 * piece is in memory at a time, and changes until every node has them; a node that stays behind is replaced.
 */
export class Shipper implements Worker {
  readonly name = 'snapshots'
  readonly idleMs: number
  readonly #deps: ShipperDeps
  #series: Series | undefined
  #base = 0
  /** Sequence of the last changes that were asked for after the present base. */
  #called = 0
  #startedAt: number | undefined
  #baseNotBefore = -Infinity
  #changesAt = -Infinity
  #lastError: string | null = null
  #requests: BaseRequest[] = []

  constructor(deps: ShipperDeps) {
    this.#deps = deps
    this.idleMs = Math.min(LOOK_MS, deps.config.intervalMs)
  }

  /** What has happened by now will be in everything from this position on: the next that is taken from the store. */
  get next(): Position {
    return { base: this.#base, changes: this.#called + 1 }
  }

  /** Nodes that hold the present base. */
  get peers(): PeerId[] {
    return this.#series?.peers ?? []
  }

  /** Store's time before which everything is on as many nodes as make it safe; 0: nothing is. */
  get coveredUntil(): number {
    return this.#series?.coveredUntil ?? 0
  }

  status(): NonNullable<ClusterStatus['snapshot']> {
    const series = this.#series
    return {
      behindMs: series === undefined ? null : Math.max(0, Math.floor(series.behindMs)),
      nodes: series?.peers.length ?? 0,
      baseBytes: series?.start.baseBytes ?? 0,
      changesBytes: series?.changesBytes ?? 0,
      lastError: this.#lastError
    }
  }

  /** Resolves when a base that is made from now on is whole. */
  requestBase(): Promise<WholeBase> {
    return new Promise((resolve, reject) => this.#requests.push({ resolve, reject }))
  }

  /** Nobody gets a base any more. */
  stop(): void {
    for (const request of this.#requests.splice(0)) request.reject(new PeerbinError('shutting-down'))
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { clock, config, membership, self } = this.#deps
    this.#startedAt ??= clock.monotonic()
    this.#letGo()
    const chosen = chooseHolders(membership.all(), {
      count: config.nodes,
      ownHost: membership.get(self)?.host,
      current: new Set(this.peers)
    }).map(({ peer }) => peer)
    if (this.#series === undefined && this.#waits(chosen)) return { retryAfterMs: this.idleMs / 4 }
    try {
      if (this.#isBaseDue(chosen)) await this.#shipBase(chosen, signal)
      else if (this.#series !== undefined && clock.monotonic() >= this.#changesAt)
        await this.#shipChanges(this.#series, chosen, signal)
    } catch (error) {
      this.#lastError = asPeerbinError(error).code
      throw error
    }
    return 'idle'
  }

  /** For nodes to come. */
  #waits(chosen: readonly PeerId[]): boolean {
    const { clock, config } = this.#deps
    const waitedMs = clock.monotonic() - (this.#startedAt ?? 0)
    if (chosen.length === 0) this.#lastError = 'not-enough-nodes'
    return chosen.length === 0 || (chosen.length < config.nodes && waitedMs < SETTLE_MS)
  }

  /** Nodes that are gone, or are being emptied, are brought nothing more. */
  #letGo(): void {
    const { membership } = this.#deps
    const series = this.#series
    if (series === undefined) return
    for (const peer of series.peers) {
      const member = membership.get(peer)
      const stays = member !== undefined && member.liveness !== 'down' && member.state !== 'draining'
      if (!stays || member.state === 'read-only') series.drop(peer)
    }
    if (series.peers.length === 0) this.#series = undefined
  }

  #isBaseDue(chosen: readonly PeerId[]): boolean {
    const series = this.#series
    if (series === undefined || this.#requests.length > 0) return chosen.length > 0
    if (this.#deps.clock.monotonic() < this.#baseNotBefore) return false
    const basis = Math.max(BASE_BYTES_MIN, series.start.baseBytes)
    return (
      chosen.some((peer) => !series.peers.includes(peer)) ||
      series.changesBytes > this.#deps.config.baseFactor * basis ||
      series.last >= CHANGES_MAX
    )
  }

  async #shipBase(chosen: readonly PeerId[], signal: AbortSignal): Promise<void> {
    const { source, clock, time, config, logger } = this.#deps
    const takenAt = clock.monotonic()
    const storeTime = time.now()
    await this.#deps.settled(storeTime)
    this.#series = undefined // what it would go on with belongs to the new base from now on
    const base = ++this.#base
    this.#called = 0
    const requests = this.#requests.splice(0)
    let series: Series
    try {
      const shipped = await this.#sendBase(base, source.base(), chosen, signal)
      series = new Series({ base, takenAt, storeTime, ...shipped }, this.#needed(chosen), this.#deps)
      this.#series = series
      for (const request of requests) request.resolve({ base, ...shipped })
    } catch (error) {
      for (const request of requests) request.reject(asPeerbinError(error))
      throw error
    }
    const tookMs = clock.monotonic() - takenAt
    this.#changesAt = clock.monotonic() + config.intervalMs * INTERVAL_SHARE
    this.#baseNotBefore = clock.monotonic() + Math.max(config.intervalMs, BASE_PAUSE_FACTOR * tookMs)
    this.#lastError = null
    logger.debug('nodes have a new snapshot of the metadata', { base, nodes: this.peers.length, tookMs })
    // what is older is of use as long as too few have this one
    if (series.isSafe) await this.#deps.onBase(base, signal)
    await this.#tellEverywhere(series, signal)
  }

  async #sendBase(
    base: number,
    stream: AsyncIterable<Uint8Array>,
    chosen: readonly PeerId[],
    signal: AbortSignal
  ): Promise<{ parts: number; baseBytes: number; peers: PeerId[] }> {
    const { leadership, clock } = this.#deps
    const at = clock.now()
    let peers = [...chosen]
    let parts = 0
    let baseBytes = 0
    for await (const raw of cut(stream)) {
      this.#assertLeads(signal)
      const series = { term: leadership.term, base, kind: 'base', sequence: 0 } as const
      const piece = sealPiece(series, raw, at, this.#deps)
      const kept = await Promise.all(peers.map((peer) => this.#keeps(peer, piece, signal)))
      peers = peers.filter((_, index) => kept[index])
      if (peers.length === 0) throw new PeerbinError('copies-missing', 'No node takes the snapshot.')
      parts++
      baseBytes += piece.bytes.byteLength
    }
    return { parts, baseBytes, peers }
  }

  async #shipChanges(series: Series, chosen: readonly PeerId[], signal: AbortSignal): Promise<void> {
    this.#changesAt = this.#deps.clock.monotonic() + this.#deps.config.intervalMs * INTERVAL_SHARE
    series.needed = this.#needed(chosen)
    if (series.hasRoom) await this.#take(series)
    this.#assertLeads(signal)
    await Promise.all(series.peers.map((peer) => this.#bring(series, peer, signal)))
    for (const peer of series.stragglers()) {
      this.#deps.logger.warn('a node does not keep up with the snapshots', { peer })
      series.drop(peer)
    }
    if (series.peers.length === 0) this.#series = undefined
    else if (series.upToDate.length > 0) this.#lastError = null
    await this.#tellEverywhere(series, signal)
  }

  #needed(chosen: readonly PeerId[]): number {
    return Math.max(1, Math.min(SAFE_COPIES, chosen.filter(this.#deps.counts).length))
  }

  /** Notes may go when what covers them would survive the loss of this machine, and of a node. */
  async #tellEverywhere(series: Series, signal: AbortSignal): Promise<void> {
    if (!series.isSafe) return
    await this.#deps.onEverywhere({ base: series.start.base, changes: series.everywhere }, signal)
  }

  async #take(series: Series): Promise<void> {
    const { source, clock, time, leadership } = this.#deps
    const sequence = series.last + 1
    const taken = { takenAt: clock.monotonic(), storeTime: time.now() }
    const at = clock.now()
    await this.#deps.settled(taken.storeTime)
    // from here on what happens may come too late for these, and is counted to the next ones
    this.#called = sequence
    let bytes: Uint8Array | undefined
    try {
      bytes = await source.changes()
    } catch (error) {
      this.#series = undefined // nobody knows what was in them
      throw error
    }
    if (bytes === undefined) {
      this.#called = sequence - 1
      series.unchanged(taken)
      return
    }
    const name = { term: leadership.term, base: series.start.base, kind: 'changes', sequence } as const
    series.add({ ...taken, sequence, ...(await sealAll(name, bytes, at, this.#deps)) })
  }

  async #bring(series: Series, peer: PeerId, signal: AbortSignal): Promise<void> {
    for (const entry of series.lacking(peer)) {
      for (const piece of entry.pieces) if (!(await this.#keeps(peer, piece, signal))) return
      series.has(peer, entry)
    }
  }

  /** Whether the node has the piece now. */
  async #keeps(peer: PeerId, piece: Piece, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#deps.writer.put(peer, piece, signal)
      return true
    } catch (error) {
      this.#assertLeads(signal)
      this.#lastError = asPeerbinError(error).code
      this.#deps.logger.debug('a node did not take a piece of a snapshot', { peer, err: error })
      return false
    }
  }

  #assertLeads(signal: AbortSignal): void {
    const { leadership } = this.#deps
    if (signal.aborted) throw new PeerbinError('shutting-down')
    leadership.check()
    leadership.assert()
  }
}

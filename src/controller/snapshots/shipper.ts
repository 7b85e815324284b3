import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Random, StepResult, Worker } from '../../interfaces.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { Member, PeerId } from '../../types.ts'
import type { Leadership } from '../leadership.ts'
import type { StoreTime } from '../store-time.ts'
import { Candidates } from './candidates.ts'
import type { Choice } from './candidates.ts'
import { Cover } from './cover.ts'
import type { SnapshotWriter } from './node-snapshots.ts'
import { cut, sealAll, sealPiece } from './pieces.ts'
import type { Piece } from './pieces.ts'
import { Series } from './series.ts'
import type { NewBase, Position, WholeBase } from './series.ts'

export type { NewBase, Position, WholeBase } from './series.ts'

/** A base this small costs nothing: changes may grow to this many bytes (times baseFactor) in any case. */
const BASE_BYTES_MIN = 1024 * 1024
/** Changes after one base, about two hours' worth: each is a request when somebody recovers. */
const CHANGES_MAX = 4096
/** A new base comes at the earliest after so many times what the last one took, unless there is none. */
const BASE_PAUSE_FACTOR = 4
/** Timers are not exact: a round that comes a little early must not be skipped. */
const INTERVAL_SHARE = 0.9
/** Whether a base is due is looked at so often. */
const LOOK_MS = 1000
/** Changes go out before the interval is over when somebody waits for them: so long after the last ones, which gathers those who come meanwhile, … */
const WANTED_PAUSE_MS = 20
/** … and as long as there are few after the present base. Then they wait for the interval, so that bases are no more frequent than otherwise. */
const WANTED_CHANGES_MAX = CHANGES_MAX / 2

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
  /** A new base is whole: what it makes needless may go. */
  readonly onBase: (bases: NewBase, signal: AbortSignal) => Promise<void>
  /** Somebody waits for what is not on the nodes yet: the next step need not wait for its round. */
  readonly onWanted: () => void
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
  readonly #candidates: Candidates
  #series: Series | undefined
  #base = 0
  #safeBase: number | undefined
  /** When the last were on the nodes, monotonic. */
  #shippedAt = -Infinity
  /** Sequence of the last changes that were asked for after the present base. */
  #called = 0
  #baseNotBefore = -Infinity
  #changesAt = -Infinity
  /** Number of the last taking from the store that was asked for. */
  #order = 0
  readonly #cover = new Cover()
  #lastError: string | null = null
  #requests: BaseRequest[] = []

  constructor(deps: ShipperDeps) {
    this.#deps = deps
    this.#candidates = new Candidates(deps)
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

  /**
   * Resolves when everything that is committed by now is on as many nodes as make it safe; makes haste to bring it there.
   * @param at store's time: of what was committed before that, if it is not everything @throws the signal's reason, `busy`, `shutting-down`
   */
  async covered(signal: AbortSignal, at = Infinity): Promise<void> {
    if (at < this.coveredUntil) return
    const covered = this.#cover.wait(this.#order + 1, signal)
    this.#deps.onWanted()
    await covered
  }

  status(): NonNullable<ClusterStatus['snapshot']> {
    const series = this.#series
    return {
      behindMs: series === undefined ? null : Math.max(0, Math.floor(series.behindMs)),
      nodes: series?.peers.length ?? 0,
      baseBytes: series?.start.baseBytes ?? 0,
      changesBytes: series?.changesBytes ?? 0,
      lastError: this.#lastError ?? this.#candidates.lastError
    }
  }

  /** Resolves when a base that is made from now on is whole. */
  requestBase(): Promise<WholeBase> {
    return new Promise((resolve, reject) => this.#requests.push({ resolve, reject }))
  }

  /** Nobody gets a base any more. */
  stop(): void {
    for (const request of this.#requests.splice(0)) request.reject(new PeerbinError('shutting-down'))
    this.#cover.stop()
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    this.#letGo()
    const choice = this.#candidates.choose(new Set(this.peers))
    if (this.#series === undefined && choice.isEarly) return { retryAfterMs: this.idleMs / 4 }
    try {
      if (this.#isBaseDue(choice)) await this.#shipBase(choice, signal)
      else if (this.#series !== undefined && this.#deps.clock.monotonic() >= this.#changesDueAt())
        await this.#shipChanges(this.#series, choice, signal)
    } catch (error) {
      this.#lastError = asPeerbinError(error).code
      throw error
    }
    return this.#isWanted() ? { retryAfterMs: WANTED_PAUSE_MS } : 'idle'
  }

  /** Somebody waits for what has not been taken yet, and it costs little to take it. */
  #isWanted(): boolean {
    const changes = this.#series?.last ?? CHANGES_MAX
    return changes < WANTED_CHANGES_MAX && this.#cover.isWantedAfter(this.#order)
  }

  #changesDueAt(): number {
    return this.#isWanted() ? Math.min(this.#changesAt, this.#shippedAt + WANTED_PAUSE_MS) : this.#changesAt
  }

  /** Nodes that are gone, or are being emptied, are brought nothing more; nor are those that started again, perhaps with an empty disk, before they get a new base. */
  #letGo(): void {
    const { membership } = this.#deps
    const series = this.#series
    if (series === undefined) return
    for (const peer of series.peers) {
      const member = membership.get(peer)
      const stays = member !== undefined && member.liveness !== 'down' && member.state !== 'draining'
      if (!stays || member.state === 'read-only' || series.hasRestarted(member)) series.drop(peer)
    }
    if (series.peers.length === 0) this.#series = undefined
  }

  #isBaseDue({ chosen }: Choice): boolean {
    const series = this.#series
    if (series === undefined || this.#requests.length > 0) return chosen.length > 0
    if (this.#deps.clock.monotonic() < this.#baseNotBefore) return false
    const basis = Math.max(BASE_BYTES_MIN, series.start.baseBytes)
    return (
      chosen.some(({ peer }) => !series.peers.includes(peer)) ||
      series.changesBytes > this.#deps.config.baseFactor * basis ||
      series.last >= CHANGES_MAX
    )
  }

  async #shipBase({ chosen, needed }: Choice, signal: AbortSignal): Promise<void> {
    const { source, clock, time, config, logger } = this.#deps
    const takenAt = clock.monotonic()
    const storeTime = time.now()
    await this.#deps.settled(storeTime)
    this.#series = undefined // what it would go on with belongs to the new base from now on
    const base = ++this.#base
    this.#called = 0
    const order = ++this.#order
    const requests = this.#requests.splice(0)
    let series: Series
    try {
      const shipped = await this.#sendBase(base, source.base(), chosen, signal)
      series = new Series({ base, takenAt, storeTime, order, ...shipped }, needed(), this.#deps)
      this.#series = series
      this.#letGo() // of nodes that something happened to while the base was on its way
      this.#cover.reached(series.coveredOrder)
      for (const request of requests) request.resolve({ base, parts: shipped.parts, peers: series.peers })
    } catch (error) {
      for (const request of requests) request.reject(asPeerbinError(error))
      throw error
    }
    const tookMs = clock.monotonic() - takenAt
    this.#changesAt = clock.monotonic() + config.intervalMs * INTERVAL_SHARE
    this.#shippedAt = clock.monotonic()
    this.#baseNotBefore = clock.monotonic() + Math.max(config.intervalMs, BASE_PAUSE_FACTOR * tookMs)
    this.#lastError = null
    logger.debug('nodes have a new snapshot of the metadata', { base, nodes: this.peers.length, tookMs })
    if (series.isSafe) this.#safeBase = base
    await this.#deps.onBase({ base, safe: this.#safeBase }, signal)
    await this.#tellEverywhere(series, signal)
  }

  async #sendBase(
    base: number,
    stream: AsyncIterable<Uint8Array>,
    chosen: readonly Member[],
    signal: AbortSignal
  ): Promise<{ parts: number; baseBytes: number; holders: Member[] }> {
    const { leadership, clock } = this.#deps
    const at = clock.now()
    const failed = new Set<Member>()
    let holders = [...chosen]
    let parts = 0
    let baseBytes = 0
    for await (const raw of cut(stream)) {
      this.#assertLeads(signal)
      const series = { term: leadership.term, base, kind: 'base', sequence: 0 } as const
      const piece = sealPiece(series, raw, at, this.#deps)
      await Promise.all(
        holders.map(async (member) => {
          const error = await this.#bring(member.peer, piece, signal)
          if (error === undefined) return
          this.#candidates.failed(member, error)
          failed.add(member)
        })
      )
      holders = holders.filter((member) => !failed.has(member))
      if (holders.length === 0) throw new PeerbinError('copies-missing', 'No node takes the snapshot.')
      parts++
      baseBytes += piece.bytes.byteLength
    }
    for (const { peer } of holders) this.#candidates.succeeded(peer)
    return { parts, baseBytes, holders }
  }

  async #shipChanges(series: Series, { needed }: Choice, signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#deps
    this.#changesAt = clock.monotonic() + config.intervalMs * INTERVAL_SHARE
    series.needed = needed()
    if (series.hasRoom) await this.#take(series)
    this.#assertLeads(signal)
    await Promise.all(series.peers.map((peer) => this.#bringChanges(series, peer, signal)))
    for (const peer of series.stragglers()) {
      this.#deps.logger.warn('a node does not keep up with the snapshots', { peer })
      series.drop(peer)
    }
    if (series.peers.length === 0) this.#series = undefined
    else if (series.upToDate.length > 0) this.#lastError = null
    this.#shippedAt = clock.monotonic()
    await this.#tellEverywhere(series, signal)
  }

  /** Notes may go when what covers them would survive the loss of this machine, and of a node. */
  async #tellEverywhere(series: Series, signal: AbortSignal): Promise<void> {
    if (!series.isSafe) return
    this.#safeBase = series.start.base
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
    const order = ++this.#order
    let bytes: Uint8Array | undefined
    try {
      bytes = await source.changes()
    } catch (error) {
      this.#series = undefined // nobody knows what was in them
      throw error
    }
    if (bytes === undefined) {
      this.#called = sequence - 1
      series.unchanged({ ...taken, order })
      this.#cover.reached(series.coveredOrder)
      return
    }
    const name = { term: leadership.term, base: series.start.base, kind: 'changes', sequence } as const
    series.add({ ...taken, order, sequence, ...(await sealAll(name, bytes, at, this.#deps)) })
  }

  async #bringChanges(series: Series, peer: PeerId, signal: AbortSignal): Promise<void> {
    for (const entry of series.lacking(peer)) {
      for (const piece of entry.pieces) if ((await this.#bring(peer, piece, signal)) !== undefined) return
      series.has(peer, entry)
      this.#cover.reached(series.coveredOrder)
    }
  }

  /** Why the node does not have the piece now; undefined: it has. */
  async #bring(peer: PeerId, piece: Piece, signal: AbortSignal): Promise<PeerbinError | undefined> {
    try {
      await this.#deps.writer.put(peer, piece, signal)
      return undefined
    } catch (error) {
      this.#assertLeads(signal)
      const failure = asPeerbinError(error)
      this.#lastError = failure.code
      this.#deps.logger.debug('a node did not take a piece of a snapshot', { peer, err: error })
      return failure
    }
  }

  #assertLeads(signal: AbortSignal): void {
    const { leadership } = this.#deps
    if (signal.aborted) throw new PeerbinError('shutting-down')
    leadership.check()
    leadership.assert()
  }
}

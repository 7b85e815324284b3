import type { Config } from '../../config.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Worker } from '../../interfaces.ts'
import type { PlacedChunkRecord } from '../../metadata-store.ts'
import { abortScope } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import type { StoreTime } from '../store-time.ts'
import { assess, standingOf } from './assess.ts'
import type { Action, Assessment } from './assess.ts'
import type { ClusterView } from './cluster-view.ts'
import type { LeavingNodes } from './leaving-nodes.ts'
import type { NodeWatch } from './node-watch.ts'
import type { Pace } from './pace.ts'
import type { Entry, RepairQueue } from './queue.ts'
import { Rate } from './rate.ts'
import { makeCopy, removeCopy } from './steps.ts'
import type { StepDeps } from './steps.ts'
import type { Troubles } from './troubles.ts'
import type { Wakeup } from './wakeup.ts'

/** Nothing can be done about a chunk now: it is looked at again so soon. */
const BLOCKED_MS = 5000
/** Pause after an attempt that failed, doubled each time. */
const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 60_000
/** Somebody waits for it, or it is the last copy. */
const RETRY_HURRY_MAX_MS = 4000
/** Longest pause while there is nothing to do; whoever finds something ends it. */
const IDLE_MS = 10_000
/** Other targets looked for when one could not be given anything a moment ago. */
const AVOID_MAX = 4

export interface ExecutorDeps extends StepDeps {
  readonly clock: Clock
  readonly time: StoreTime
  readonly logger: Logger
  readonly config: Config
  readonly watch: NodeWatch
  readonly queue: RepairQueue
  readonly leaving: LeavingNodes
  readonly pace: Pace
  readonly troubles: Troubles
  readonly wakeup: Wakeup
}

/** A copy or trim under way. */
interface Job {
  readonly done: Promise<void>
  /** Nodes that have to stay alive for it. */
  peers: readonly PeerId[]
  readonly scope: AbortScope
}

/**
 * Works the queue off, the most urgent first, within the limits per node and in all. A step lasts as long as there is something under way, and ends what is under way
 * when it is told to stop. Before anything is done to a chunk, it is looked at anew: what was queued long ago may be over.
 */
export class RepairExecutor implements Worker {
  readonly name = 'repair'
  readonly idleMs: number
  readonly #deps: ExecutorDeps
  readonly #jobs = new Map<ChunkId, Job>()
  readonly #rate = new Rate()
  readonly #made = { copiedChunks: 0, copiedBytes: 0, trimmedChunks: 0 }
  #failure: unknown

  constructor(deps: ExecutorDeps) {
    this.#deps = deps
    this.idleMs = deps.config.controller.owedIntervalMs
  }

  get running(): number {
    return this.#jobs.size
  }

  get made(): Readonly<{ copiedChunks: number; copiedBytes: number; trimmedChunks: number }> {
    return this.#made
  }

  bytesPerSecond(): number {
    return this.#rate.bytesPerSecond(this.#deps.clock.monotonic())
  }

  async step(signal: AbortSignal): Promise<'busy'> {
    const { wakeup } = this.#deps
    this.#failure = undefined
    do {
      this.#begin(signal)
      await wakeup.wait(this.#pauseMs(), signal)
      this.#leaveSilentNodes()
    } while (this.#jobs.size > 0 && !signal.aborted && this.#failure === undefined)
    await Promise.all([...this.#jobs.values()].map((job) => job.done))
    if (this.#failure !== undefined) throw asPeerbinError(this.#failure)
    return 'busy'
  }

  #pauseMs(): number {
    const { clock, queue, pace } = this.#deps
    if (queue.size === 0) return IDLE_MS
    const nowMs = clock.monotonic()
    return Math.min(this.idleMs, pace.nextRestEndsMs(nowMs) - nowMs)
  }

  #begin(signal: AbortSignal): void {
    const { clock, leadership, config, queue } = this.#deps
    for (const entry of queue.due(clock.monotonic())) {
      if (signal.aborted || !leadership.leads || this.#jobs.size >= config.repair.copiesMax) return
      if (!this.#jobs.has(entry.chunk) && this.#hasPlaces(entry)) this.#start(entry, signal)
    }
  }

  /** Whether what was to be done last could be begun now; a guess that spares most looks that would lead to nothing. */
  #hasPlaces({ action, urgency }: Entry): boolean {
    if (action === undefined) return true
    const hurry = urgency === 'last-copy'
    return action.kind === 'copy'
      ? this.#sourceOf(action, hurry) !== undefined
      : this.#canTake(action.peer, hurry)
  }

  #canTake(peer: PeerId, hurry: boolean): boolean {
    return this.#deps.pace.canTake(peer, this.#deps.clock.monotonic(), hurry)
  }

  /** Who may give the copy now, of those who did not just fail to, if there are any: the one that gives fewest others. */
  #sourceOf(action: Extract<Action, { kind: 'copy' }>, hurry: boolean): PeerId | undefined {
    const { clock, pace, troubles } = this.#deps
    const nowMs = clock.monotonic()
    if (!pace.canTake(action.to, nowMs, hurry)) return undefined
    const hopeful = action.sources.filter((peer) => !troubles.has(peer, action.to))
    return (hopeful.length > 0 ? hopeful : action.sources)
      .filter((peer) => pace.canGive(peer, nowMs, hurry))
      .toSorted((a, b) => pace.giving(a) - pace.giving(b))[0]
  }

  #start(entry: Entry, signal: AbortSignal): void {
    const { wakeup } = this.#deps
    const scope = abortScope(signal)
    const work = async (): Promise<void> => {
      try {
        await this.#work(entry, scope.signal)
      } catch (error) {
        // the store's: a node's failure is dealt with where it happens. The step ends with it
        if (!signal.aborted) this.#failure ??= error
      } finally {
        scope[Symbol.dispose]()
        this.#jobs.delete(entry.chunk)
        wakeup.wake()
      }
    }
    const job: Job = { peers: [], scope, done: Promise.resolve().then(work) }
    this.#jobs.set(entry.chunk, job)
  }

  async #work(entry: Entry, signal: AbortSignal): Promise<void> {
    const { store, clock, queue, leaving, watch } = this.#deps
    const record = await store.findChunk(entry.chunk)
    if (record === undefined) {
      queue.remove(entry.chunk)
      leaving.forget(entry.chunk)
      return
    }
    const view = watch.look()
    leaving.note(record, standingOf(record, view), false)
    const assessment = this.#assess(record, view, entry.urged)
    queue.offer(record.chunk, record.sizeBytes, assessment)
    if (assessment.urgency === 'none') return
    const isHeldUp = watch.pause !== undefined && assessment.urgency !== 'last-copy'
    if (assessment.action === undefined || isHeldUp) {
      queue.delay(record.chunk, clock.monotonic() + BLOCKED_MS, 0)
      return
    }
    await this.#act(record, assessment.action, { ...entry, urgency: assessment.urgency }, signal)
  }

  /** A target that nobody could give anything to a moment ago is passed over, if there is another for what is missing. */
  #assess(record: PlacedChunkRecord, view: ClusterView, urged: boolean): Assessment {
    const { time, config, troubles } = this.#deps
    const policy = { now: time.now(), cold: config.cold }
    const avoid = new Set<PeerId>()
    const first = assess(record, view, policy, { urged })
    let next = first
    while (next.action?.kind === 'copy' && next.urgency === first.urgency) {
      const { sources, to } = next.action
      if (!sources.every((peer) => troubles.has(peer, to))) return next
      if (avoid.size >= AVOID_MAX) return first
      avoid.add(to)
      next = assess(record, view, policy, { urged, avoid })
    }
    return first
  }

  async #act(record: PlacedChunkRecord, action: Action, entry: Entry, signal: AbortSignal): Promise<void> {
    const { pace, leadership } = this.#deps
    const hurry = entry.urgency === 'last-copy'
    const from = action.kind === 'copy' ? this.#sourceOf(action, hurry) : undefined
    const to = action.kind === 'copy' ? action.to : action.peer
    const isFree = action.kind === 'copy' ? from !== undefined : this.#canTake(to, hurry)
    // its turn comes when a place is free
    if (!isFree || signal.aborted || !leadership.leads) return
    const job = this.#jobs.get(record.chunk)
    if (job !== undefined) job.peers = from === undefined ? [to] : [from, to]
    const release = pace.begin(from, to)
    try {
      if (action.kind === 'trim') await this.#trim(record, action, signal)
      else if (from !== undefined) await this.#copy(record, { from, to }, signal)
    } catch (error) {
      await this.#onFailure(record, { from, to, entry }, asPeerbinError(error), signal)
    } finally {
      release()
    }
  }

  async #copy(
    record: PlacedChunkRecord,
    { from, to }: { from: PeerId; to: PeerId },
    signal: AbortSignal
  ): Promise<void> {
    const { clock, pace, queue } = this.#deps
    const { chunk, sizeBytes } = record
    const startedAt = clock.monotonic()
    const { busy } = await makeCopy(this.#deps, record, { from, to }, signal)
    const nowMs = clock.monotonic()
    const tookMs = nowMs - startedAt
    pace.made({ from, to, tookMs, sizeBytes, busy }, nowMs)
    this.#rate.add(sizeBytes, nowMs, tookMs)
    this.#made.copiedChunks++
    this.#made.copiedBytes += sizeBytes
    queue.refresh(chunk)
  }

  async #trim(
    record: PlacedChunkRecord,
    action: Extract<Action, { kind: 'trim' }>,
    signal: AbortSignal
  ): Promise<void> {
    const { clock, queue } = this.#deps
    const removal = await removeCopy(this.#deps, record, action, signal)
    if (removal === 'trimmed') this.#made.trimmedChunks++
    if (removal === 'kept') queue.delay(record.chunk, clock.monotonic() + BLOCKED_MS, 0)
    else queue.refresh(record.chunk)
  }

  /** The chunk's turn comes again; a source that does not have what it should is found out. */
  async #onFailure(
    { chunk, generation }: PlacedChunkRecord,
    { from, to, entry }: { from: PeerId | undefined; to: PeerId; entry: Entry },
    error: PeerbinError,
    signal: AbortSignal
  ): Promise<void> {
    const { clock, leadership, check, queue, troubles, logger } = this.#deps
    if (signal.aborted && !hasCode(error, 'peer-unreachable')) return
    logger.debug('a step of repair failed', { chunk, from, to, err: error })
    if (hasCode(error, 'term-stale')) leadership.lose('a node knows a greater term', { peer: from ?? to })
    const failures = entry.failures + 1
    const hurry = entry.urged || entry.urgency === 'last-copy'
    const maxMs = hurry ? RETRY_HURRY_MAX_MS : RETRY_MAX_MS
    const delayMs = Math.min(maxMs, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10))
    queue.delay(chunk, clock.monotonic() + delayMs, failures)
    if (from === undefined) return
    troubles.note(hasCode(error, 'store-full', 'store-failed') ? undefined : from, to)
    // the complaint may also be the target's, about bytes that were damaged on the way; so the source is asked
    if (hasCode(error, 'chunk-not-found', 'chunk-corrupt')) {
      const dropped = await check.dropIfBad({ peer: from, chunk, generation }, signal)
      if (dropped) queue.refresh(chunk)
    }
  }

  /** A node that fell silent would hold a copy up until its time limit. */
  #leaveSilentNodes(): void {
    if (this.#jobs.size === 0) return
    const { nodes } = this.#deps.watch.look()
    for (const { peers, scope } of this.#jobs.values()) {
      const silent = peers.find((peer) => nodes.get(peer)?.member.liveness !== 'active')
      if (silent !== undefined) {
        scope.abort(
          new PeerbinError('peer-unreachable', 'A node of this copy gives no more signs of life.', {
            details: { peer: silent }
          })
        )
      }
    }
  }
}

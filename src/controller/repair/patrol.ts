import type { Config } from '../../config.ts'
import type { Clock, StepResult, Worker } from '../../interfaces.ts'
import type { MetadataStore, PlacedChunkRecord } from '../../metadata-store.ts'
import { DIGEST_BYTES, digestOf } from '../../protocol/ids.ts'
import type { ChunkId } from '../../types.ts'
import type { RecentChunks } from '../recent-chunks.ts'
import type { StoreTime } from '../store-time.ts'
import { URGENCIES, assess, standingOf } from './assess.ts'
import type { Urgency } from './assess.ts'
import { signatureOf } from './cluster-view.ts'
import type { ClusterView } from './cluster-view.ts'
import type { LeavingNodes } from './leaving-nodes.ts'
import type { NodeWatch } from './node-watch.ts'
import type { RepairQueue } from './queue.ts'

/** Looking takes so much of the time: half of it after nodes changed, a fifth when it only makes sure. */
const REST_AFTER_CHANGE = 1
const REST_OTHERWISE = 4
/** Chunks were seen that could not be judged for good, or that found no room in the queue: all are looked at again so soon. */
const AGAIN_MS = 10_000
/** Bytes of a digest that tell how far a patrol is. */
const PREFIX_BYTES = 6

/** Where a chunk stands in the order of digests, in [0, 1). Digests are uniform, so it is also the share of chunks before it. */
function shareBefore(chunk: ChunkId | undefined): number {
  if (chunk === undefined) return 0
  const digest = Buffer.from(digestOf(chunk).buffer, digestOf(chunk).byteOffset, DIGEST_BYTES)
  return digest.readUIntBE(0, PREFIX_BYTES) / 256 ** PREFIX_BYTES
}

export interface PatrolDeps {
  readonly store: MetadataStore
  readonly clock: Clock
  readonly time: StoreTime
  readonly recent: RecentChunks
  readonly config: Config
  readonly watch: NodeWatch
  readonly queue: RepairQueue
  readonly leaving: LeavingNodes
  /** There is work. */
  readonly onWork: () => void
}

/** Chunks that found no room in the queue, in the present pass. */
type Overflow = Record<Urgency, { chunks: number; bytes: number }>

const noOverflow = (): Overflow =>
  Object.fromEntries(URGENCIES.map((urgency) => [urgency, { chunks: 0, bytes: 0 }])) as Overflow

/**
 * Looks at every chunk, page by page: whenever nodes came, went or changed, and now and then beside. A change during a pass does not send it back to the beginning: it goes
 * on from where it is and once around, so that no chunk is starved by nodes that come and go.
 */
export class Patrol implements Worker {
  readonly name = 'repair-patrol'
  readonly idleMs: number
  readonly #deps: PatrolDeps
  #started = false
  #signature = ''
  #after: ChunkId | undefined
  /** Where the present pass began; undefined: none is under way. */
  #begunAt: number | undefined
  #wrapped = false
  #isForChange = false
  #wanted = false
  #again = false
  #nextAtMs = 0
  #overflow = noOverflow()

  constructor(deps: PatrolDeps) {
    this.#deps = deps
    this.idleMs = deps.config.controller.owedIntervalMs
  }

  /** A new pass begins, as if nodes had changed. */
  again(): void {
    this.#wanted = true
  }

  overflow(urgency: Urgency): { readonly chunks: number; readonly bytes: number } {
    return this.#overflow[urgency]
  }

  /** Share of the chunks that were looked at since the nodes last changed, 0 … 1. */
  get looked(): number {
    if (!this.#started || this.#wanted) return 0
    if (this.#begunAt === undefined || !this.#isForChange) return 1
    const at = shareBefore(this.#after)
    return Math.min(1, Math.max(0, this.#wrapped ? 1 - this.#begunAt + at : at - this.#begunAt))
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { store, clock, config, watch, queue } = this.#deps
    if (!this.#started) {
      // what the nodes were passing on when this process started is not known here
      this.#started = true
      this.#wanted = true
      return { retryAfterMs: config.replication.owedDelayMs }
    }
    const startedAt = clock.monotonic()
    const view = watch.look()
    this.#beginIfDue(view, startedAt)
    if (this.#begunAt === undefined) return 'idle'
    const limit = config.controller.batchMax
    const page = await store.listChunks(this.#after, limit)
    if (signal.aborted) return 'idle'
    const sizeBefore = queue.size
    for (const record of page) this.#look(record, view)
    if (queue.size > sizeBefore) this.#deps.onWork()
    this.#advance(page, limit, clock.monotonic())
    const tookMs = clock.monotonic() - startedAt
    const restMs = tookMs * (this.#isForChange ? REST_AFTER_CHANGE : REST_OTHERWISE)
    return restMs > 0 ? { retryAfterMs: restMs } : 'busy'
  }

  #beginIfDue(view: ClusterView, nowMs: number): void {
    const signature = signatureOf(view)
    const changed = this.#wanted || signature !== this.#signature
    const isDue = this.#begunAt === undefined && nowMs >= this.#nextAtMs
    if (!changed && !isDue) return
    this.#signature = signature
    this.#wanted = false
    this.#begunAt = shareBefore(this.#after)
    this.#wrapped = false
    this.#isForChange = changed
    this.#again = false
    this.#overflow = noOverflow()
    this.#deps.leaving.beginPass(view, changed)
  }

  #look(record: PlacedChunkRecord, view: ClusterView): void {
    const { time, recent, config, queue, leaving } = this.#deps
    const standing = standingOf(record, view)
    leaving.note(record, standing, true)
    this.#again ||= standing.unsettled
    const assessment = assess(record, view, { now: time.now(), cold: config.cold })
    const isShort = assessment.urgency === 'last-copy' || assessment.urgency === 'under'
    if (isShort && recent.has(record.chunk) && queue.get(record.chunk) === undefined) {
      this.#again = true // most likely its copies are on their way
      return
    }
    if (queue.offer(record.chunk, record.sizeBytes, assessment) || assessment.urgency === 'none') return
    this.#again = true
    const overflow = this.#overflow[assessment.urgency]
    overflow.chunks++
    overflow.bytes += assessment.missing * record.sizeBytes
  }

  #advance(page: readonly PlacedChunkRecord[], limit: number, nowMs: number): void {
    const last = page.at(-1)?.chunk
    const isAtEnd = page.length < limit
    if (!isAtEnd) this.#after = last
    else {
      this.#after = undefined
      if (!this.#wrapped) this.#wrapped = true
      else this.#begunAt = 0 // all that is left of the round lies behind
    }
    if (!this.#wrapped || this.#begunAt === undefined || shareBefore(this.#after) < this.#begunAt) return
    this.#begunAt = undefined
    this.#deps.leaving.endPass()
    const { patrolMs } = this.#deps.config.repair
    this.#nextAtMs = nowMs + (this.#again ? Math.min(AGAIN_MS, patrolMs) : patrolMs)
  }
}

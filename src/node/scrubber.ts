import { z } from 'zod'
import type { Config } from '../config.ts'
import { hasCode } from '../errors.ts'
import type { ChunkStore, Clock, Logger, Random, StepResult, Worker } from '../interfaces.ts'
import type { ScrubReport } from '../protocol/messages.ts'
import { timeMs } from '../protocol/schema.ts'
import type { Cell } from '../runtime/cell.ts'
import { throwIfAborted } from '../runtime/deadline.ts'
import type { ChunkInfo } from '../types.ts'
import { Look, type DueChunk } from './scrub-due.ts'
import { ScrubPass, allChunks, countRead, noCounts, type ScrubCounts } from './scrub-pass.ts'

/** Quarantined chunks dropped in one look. */
const DROPS_MAX = 256
/** A store that has no place free for a read is asked again after so long. */
const BUSY_MS = 1000
/** So many chunks in a row that cannot be read for another reason than rot: then it is the store, and the pass waits. */
const FAILURES_MAX = 3
/** Timers come late: so much of a pause may be made up for, and pauses shorter than a timer's step are gathered. */
const SLACK_MS = 50
const PAUSE_MIN_MS = 4
/** `scrubbedAt` is written to disk when it has moved so far. */
const SAVE_STEP_MS = 60 * 60 * 1000

/** What a scrub remembers over restarts, beside `verifiedAt` in the records. The node's wall clock; 0: never. */
export interface ScrubState {
  /** Of the last full pass. */
  startedAt: number
  /** 0 while it runs. */
  endedAt: number
  /** See Scrubber.scrubbedAt. */
  scrubbedAt: number
}

export const scrubStateSchema = z.object({ startedAt: timeMs, endedAt: timeMs, scrubbedAt: timeMs })

/** Of a node that starts for the first time. */
export const NEVER_SCRUBBED: ScrubState = { startedAt: 0, endedAt: 0, scrubbedAt: 0 }

export interface ScrubberDeps {
  readonly store: ChunkStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['scrub']
  /** Requests of clients under way: while there are any, the scrub goes slower. */
  readonly clientsBusy: () => number
  /** Told of each chunk that turned out to be rotten; the store has it in quarantine already. Must not throw. */
  readonly onRotten: (chunk: ChunkInfo) => void
  /** `openFileCell('scrub.json', scrubStateSchema, NEVER_SCRUBBED)`, or a memory cell. */
  readonly state: Cell<ScrubState>
}

/**
 * Reads everything that a node holds, again and again, so that rot is found while there are other copies.
 *
 * Every `roundMs` it looks through all records and remembers the most urgent chunks that are due (scrub-due.ts), then reads them, in a step each, by `store.get`, which verifies
 * them and puts rot into quarantine. It reads `bytesPerSecond` while clients are busy, up to `idleFactor` times that when their deadlines ask for it, and that much
 * when no client is. How far it is stands in the records (`verifiedAt`), so a restart loses nothing. `start` begins a pass over everything, beside which what is
 * due comes first. The wall clock only tells the age of chunks: one that is set makes chunks due a little earlier or later, and pacing does not see it.
 *
 * Run it in a WorkerLoop of its own, started once the store is open and stopped before it is closed, and nudge the loop after `start`.
 */
export class Scrubber implements Worker {
  readonly name = 'scrub'
  readonly idleMs: number
  readonly #deps: ScrubberDeps
  #state: ScrubState
  /** What is on disk of it. */
  #saved: ScrubState
  /** One that was asked for and is running. */
  #pass: ScrubPass | undefined
  /** Of the present or the last pass. */
  #counts: ScrubCounts = noCounts()
  /** Of what was read because it was due, since all of it was read last. */
  #dueCounts: ScrubCounts = noCounts()
  /** The most urgent is the last. */
  #due: DueChunk[] = []
  /** More was due at the last look than could be remembered. */
  #isMoreDue = false
  /** Bytes a second that it takes to read all that is due in time. */
  #neededPace = 0
  #failuresInRow = 0
  /** Monotonic. */
  #nextLookAt = -Infinity
  /** Monotonic: what was read has its time until then. */
  #resumeAt = -Infinity

  constructor(deps: ScrubberDeps) {
    this.#deps = deps
    this.idleMs = deps.config.roundMs
    this.#state = deps.state.get()
    this.#saved = this.#state
    const { startedAt, endedAt } = this.#state
    // one that a restart cut short: what it has read already says so by its `verifiedAt`
    if (startedAt > 0 && endedAt === 0) this.#begin(startedAt)
  }

  /** Begins a pass over every chunk now, unless one is running. */
  start(): void {
    if (this.#pass === undefined) this.#begin(this.#deps.clock.now())
  }

  report(): ScrubReport {
    const { startedAt, endedAt } = this.#state
    return { running: this.#pass !== undefined, startedAt, endedAt, ...this.#counts }
  }

  /** Every chunk that is held was read and verified after this moment (this machine's wall clock, ms); 0: not known yet. */
  scrubbedAt(): number {
    return this.#state.scrubbedAt
  }

  /** Looks for what is due, or reads one chunk. @throws what the store throws, unless it concerns one chunk only */
  async step(signal: AbortSignal): Promise<StepResult> {
    throwIfAborted(signal)
    const { clock } = this.#deps
    const pauseMs = this.#resumeAt - clock.monotonic()
    if (pauseMs >= PAUSE_MIN_MS) return { retryAfterMs: Math.ceil(pauseMs) }
    if (clock.monotonic() >= this.#nextLookAt || (this.#due.length === 0 && this.#isMoreDue)) {
      await this.#look(signal)
      return 'busy'
    }
    const due = this.#due.at(-1)
    if (due !== undefined) return await this.#check(due.chunk, signal)
    const next = await this.#pass?.next(signal)
    if (next !== undefined) return await this.#check(next, signal)
    if (this.#pass !== undefined) await this.#end(this.#pass)
    return { retryAfterMs: Math.max(0, Math.ceil(this.#nextLookAt - clock.monotonic())) }
  }

  /** Reads a chunk: the last of those that are due, or else the pass's next. */
  async #check(chunk: ChunkInfo, signal: AbortSignal): Promise<StepResult> {
    const { store, clock, onRotten } = this.#deps
    const startedAt = clock.monotonic()
    let failure: unknown
    try {
      await store.get(chunk.id, { signal, scrub: true })
    } catch (error) {
      if (signal.aborted || hasCode(error, 'shutting-down')) throw error
      if (hasCode(error, 'busy')) return { retryAfterMs: BUSY_MS }
      failure = error
    }
    const isRotten = hasCode(failure, 'chunk-corrupt')
    const isRead = failure === undefined || isRotten
    const wasDue = this.#due.pop() !== undefined
    if (!wasDue) this.#pass?.goOn()
    if (isRead) {
      countRead(this.#dueCounts, chunk, isRotten)
      // what is in quarantine now is not listed when the pass gets there, and what is good counts then
      if (!wasDue || isRotten) this.#pass?.count(chunk, isRotten)
    }
    if (isRotten) onRotten(chunk)
    this.#pace(chunk.sizeBytes, startedAt)
    // one that is not there was deleted since it was listed
    if (isRead || hasCode(failure, 'chunk-not-found')) this.#failuresInRow = 0
    else this.#failed(chunk, failure)
    return 'busy'
  }

  /** Looks through all records: what is due, and how old the oldest verification is. */
  async #look(signal: AbortSignal): Promise<void> {
    const { store, clock, random, config } = this.#deps
    const look = new Look(clock.now(), config)
    for await (const chunk of allChunks(store, signal)) look.add(chunk)
    this.#due = look.mostUrgent().toReversed()
    this.#isMoreDue = look.dueChunks > this.#due.length
    this.#neededPace = look.bytesPerSecond
    // nodes that started together should not all look at once
    this.#nextLookAt = clock.monotonic() + Math.ceil(config.roundMs * (0.75 + random.fraction() / 2))
    this.#state = { ...this.#state, scrubbedAt: look.oldestAt }
    const { endedAt } = this.#state
    if (this.#pass === undefined && this.#dueCounts.checkedChunks > 0 && look.oldestAt > endedAt)
      this.#noteRound(look.oldestAt)
    await this.#dropOld()
    await this.#save()
  }

  /** All has been read since the last pass, because it was due: that is a full pass too. */
  #noteRound(oldestAt: number): void {
    this.#counts = { ...this.#dueCounts, totalChunks: this.#dueCounts.checkedChunks }
    this.#dueCounts = noCounts()
    this.#state = { ...this.#state, startedAt: oldestAt, endedAt: this.#deps.clock.now() }
  }

  #begin(startedAt: number): void {
    const { store, clock } = this.#deps
    this.#pass = new ScrubPass(store, startedAt, () => clock.now())
    this.#counts = this.#pass.counts
    this.#state = { ...this.#state, startedAt, endedAt: 0 }
    this.#nextLookAt = -Infinity // which writes that down
    this.#deps.logger.info('a scrub of everything begins')
  }

  async #end(pass: ScrubPass): Promise<void> {
    this.#pass = undefined
    this.#dueCounts = noCounts()
    this.#state = { ...this.#state, endedAt: this.#deps.clock.now() }
    this.#nextLookAt = -Infinity // for `scrubbedAt`
    this.#deps.logger.info('a scrub of everything has ended', { ...pass.counts })
    await this.#save()
  }

  #failed(chunk: ChunkInfo, error: unknown): void {
    this.#deps.logger.warn('a chunk could not be read by the scrub', { chunk: chunk.id, err: error })
    if (++this.#failuresInRow < FAILURES_MAX) return
    this.#failuresInRow = 0
    throw error
  }

  /** Lets the time pass that a chunk of this size may take. */
  #pace(bytes: number, startedAt: number): void {
    const { bytesPerSecond, idleFactor } = this.#deps.config
    if (bytesPerSecond === 0) return
    const idlePace = bytesPerSecond * idleFactor
    const busyPace = Math.min(idlePace, Math.max(bytesPerSecond, this.#neededPace))
    const pace = this.#deps.clientsBusy() > 0 ? busyPace : idlePace
    this.#resumeAt = Math.max(this.#resumeAt, startedAt - SLACK_MS) + (bytes * 1000) / pace
  }

  async #dropOld(): Promise<void> {
    const { store, clock, config, logger } = this.#deps
    try {
      const dropped = await store.dropQuarantined(clock.now() - config.quarantineMs, DROPS_MAX)
      if (dropped > 0) logger.info('rotten chunks were dropped from quarantine', { chunks: dropped })
    } catch (error) {
      // a store that takes no writes is worth reading all the same
      logger.warn('the quarantine could not be emptied', { err: error })
    }
  }

  async #save(): Promise<void> {
    const state = this.#state
    const saved = this.#saved
    const hasMoved = Math.abs(state.scrubbedAt - saved.scrubbedAt) >= SAVE_STEP_MS
    if (state.startedAt === saved.startedAt && state.endedAt === saved.endedAt && !hasMoved) return
    try {
      await this.#deps.state.set(state)
      this.#saved = state
    } catch (error) {
      // it is tried again with the next look; the records know how far the scrub is
      this.#deps.logger.warn('how far the scrub is could not be written', { err: error })
    }
  }
}

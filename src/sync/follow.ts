/** Goes on keeping a folder in step: waits for either side to tell of a change, gathers what comes together, and has a round done. */

import { asPeerbinError, PeerbinError } from '../errors.ts'
import { abortScope, sleep } from '../runtime/deadline.ts'
import type { SyncEngine } from './engine.ts'
import type { SyncParts, SyncSummary } from './engine-types.ts'

/** A request for changes is held open so long; servers have it up to a minute. */
const WAIT_MS = 30_000
/** Programs write a file in several steps, and people save several files: what comes within this time is one round. */
const QUIET_MS = 400
/** But a program that never stops writing does not hold it up for ever. */
const GATHER_MS_MAX = 4_000
/** Watching is a hint only (network drives tell nothing): everything is looked at this often. */
const SCAN_MS = 10 * 60_000
/** What was skipped is tried again after this. */
const RETRY_MS = 60_000
const PAUSE_MS = { first: 1_000, max: 60_000 } as const
/** Paths that are remembered one by one. */
const HINTS_MAX = 2_000

export interface FollowEvents {
  onRound: ((summary: SyncSummary) => void) | undefined
  onPause: ((error: PeerbinError, pauseMs: number) => void) | undefined
}

export class Follower {
  readonly #engine: SyncEngine
  readonly #parts: SyncParts
  #hints = new Set<string>()
  /** Anything may have changed. */
  #isAll = true
  #onHint: (() => void) | undefined

  constructor(engine: SyncEngine, parts: SyncParts) {
    this.#engine = engine
    this.#parts = parts
  }

  async follow(signal: AbortSignal, events: FollowEvents): Promise<void> {
    using scope = abortScope(signal)
    const hints = this.#takeHints(scope.signal)
    try {
      await this.#rounds(signal, events)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      scope.abort(new PeerbinError('aborted'))
      await hints
    }
  }

  async #rounds(signal: AbortSignal, events: FollowEvents): Promise<void> {
    const { clock } = this.#parts
    let failures = 0
    let scannedAt = clock.monotonic()
    while (!signal.aborted) {
      const isScan = this.#isAll || clock.monotonic() - scannedAt >= SCAN_MS
      const hints = this.#hints
      this.#hints = new Set()
      this.#isAll = false
      try {
        const summary = await this.#engine.sync(signal, isScan ? undefined : hints)
        if (isScan) scannedAt = clock.monotonic()
        failures = 0
        events.onRound?.(summary)
        const isLeft = summary.skipped.length > 0
        await this.#wait(isLeft ? RETRY_MS : Math.max(0, scannedAt + SCAN_MS - clock.monotonic()), signal)
      } catch (thrown) {
        const error = asPeerbinError(thrown)
        // what was hinted at has not been looked at for certain
        this.#isAll = true
        if (signal.aborted || !error.retryable) throw error
        await this.#pause(error, ++failures, signal, events)
      }
    }
  }

  async #pause(
    error: PeerbinError,
    failures: number,
    signal: AbortSignal,
    events: FollowEvents
  ): Promise<void> {
    const grown = Math.min(PAUSE_MS.max, PAUSE_MS.first * 2 ** Math.min(failures - 1, 10))
    const pauseMs = Math.max(grown * (0.5 + this.#parts.random.fraction() / 2), error.retryAfterMs ?? 0)
    events.onPause?.(error, pauseMs)
    await sleep(this.#parts.clock, pauseMs, signal)
  }

  /** Until there is something to do: a change at the server, a hint, or so much time has passed. */
  async #wait(limitMs: number, signal: AbortSignal): Promise<void> {
    using scope = abortScope(signal)
    const hinted = new Promise<'hint'>((resolve) => {
      this.#onHint = () => resolve('hint')
      if (this.#hints.size > 0 || this.#isAll) resolve('hint')
    })
    const late = sleep(this.#parts.clock, limitMs, scope.signal).then(() => 'late' as const)
    const changed = this.#changed(scope.signal)
    try {
      const first = await Promise.race([hinted, late, changed])
      if (first === 'hint') await this.#gather(signal)
    } finally {
      this.#onHint = undefined
      scope.abort(new PeerbinError('aborted'))
      // both end with the scope; a round begins only once nothing else asks the server
      await Promise.allSettled([late, changed])
    }
  }

  /** Resolves when the server has something new. What it is is asked for by the round. */
  async #changed(signal: AbortSignal): Promise<'changed'> {
    for (;;) {
      const cursor = this.#engine.cursor
      if (cursor === undefined) return 'changed'
      const changes = await this.#parts.remote.changes(cursor, WAIT_MS, signal)
      if (changes === 'lost' || changes.files.length > 0 || changes.gone.length > 0) return 'changed'
      if (changes.cursor !== cursor) return 'changed'
    }
  }

  /** Waits until nothing more comes for a moment. */
  async #gather(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const begun = clock.monotonic()
    for (let before = -1; before !== this.#hints.size && clock.monotonic() - begun < GATHER_MS_MAX;) {
      before = this.#hints.size
      await sleep(clock, QUIET_MS, signal)
    }
  }

  async #takeHints(signal: AbortSignal): Promise<void> {
    try {
      for await (const paths of this.#parts.folder.hints(signal)) {
        for (const path of paths) this.#hints.add(path)
        if (paths.length === 0 || this.#hints.size > HINTS_MAX) {
          this.#isAll = true
          this.#hints.clear()
        }
        this.#onHint?.()
      }
    } catch (error) {
      // the folder is looked at every few minutes anyway
      if (!signal.aborted)
        this.#parts.logger.warn('the folder is not watched', { code: asPeerbinError(error).code })
    }
  }
}

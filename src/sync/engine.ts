/**
 * Keeps a folder and a user's files at a server in step. No clock, timer or disk of its own: every await can be the last, and what comes after it looks at both sides anew.
 *
 * A round looks at both sides, and then plans and acts by turns until the plan is empty or nothing of it can be done: after each turn the trees have changed, and the planner,
 * which remembers nothing, decides from what is there.
 */

import { asPeerbinError, PeerbinError } from '../errors.ts'
import { throwIfAborted } from '../runtime/deadline.ts'
import { Acts } from './acts.ts'
import type { SyncOptions, SyncParts, SyncSummary } from './engine-types.ts'
import { Follower } from './follow.ts'
import { planSync } from './plan.ts'
import type { Plan } from './plan-types.ts'
import { readContents } from './read-content.ts'
import { epochOf } from './remote.ts'
import { resolveCommits } from './send-content.ts'
import { Round } from './round.ts'
import { SyncTrees } from './trees.ts'

/** Turns of planning and acting in a round; chains of files that make room for each other need some. */
const TURNS_MAX = 24
/** Settlements change what is compared, and are compared again; each makes the trees agree further. */
const SETTLINGS_MAX = 8
/** Paths that are looked at one by one; of more all are. */
const LOOKS_MAX = 1000

/**
 * One engine for a folder, and one at a time for its state: after a crash a new one goes on from what the state has. Calls do not overlap.
 *
 *     const engine = new SyncEngine(parts, options)
 *     const summary = await engine.sync(signal)      // until both sides agree, as far as they can
 *     await engine.follow(signal, onSummary)         // and goes on for as long as the signal holds
 */
export class SyncEngine {
  readonly #parts: SyncParts
  readonly #options: SyncOptions
  readonly #trees: SyncTrees
  readonly #acts: Acts
  #isLoaded = false
  /** Of what was taken in of the server's files; undefined: they have to be listed. */
  #cursor: string | undefined

  constructor(parts: SyncParts, options: SyncOptions) {
    this.#parts = parts
    this.#options = options
    this.#trees = new SyncTrees(parts.state, options.excluded ?? (() => false), options.dryRun ?? false)
    this.#acts = new Acts(parts, this.#trees, options)
  }

  /** Where changes at the server are waited for; undefined before the first round, or when the server has to be listed anew. */
  get cursor(): string | undefined {
    return this.#cursor
  }

  /**
   * Looks at both sides, and works until they agree or nothing more can be done; what could not be is in the summary.
   * @param hints paths that may have changed here since the last round; without it the whole folder is looked at
   * @throws sync-folder: the folder is not there; server-unreachable and others that concern no single file; aborted
   */
  async sync(signal: AbortSignal, hints?: ReadonlySet<string>): Promise<SyncSummary> {
    try {
      if (!this.#isLoaded) await this.#trees.load()
      this.#isLoaded = true
      this.#trees.beginRound()
      if (this.#options.dryRun !== true) await resolveCommits(this.#acts.sendParts, signal)
      await this.#lookThere(signal)
      await this.#lookHere(hints, signal)
      return await this.#work(signal)
    } catch (error) {
      throw asPeerbinError(error)
    }
  }

  /**
   * `sync`, and again whenever the server or the folder tells of a change, and every few minutes anyway. A server that cannot be reached is tried again with
   * growing pauses. Returns when the signal aborts. `onRound` is told what came of each round.
   * @throws what `sync` does, if it will not pass by itself: no folder, credentials that are not valid (any more)
   */
  async follow(
    signal: AbortSignal,
    onRound?: (summary: SyncSummary) => void,
    onPause?: (error: PeerbinError, pauseMs: number) => void
  ): Promise<void> {
    await new Follower(this, this.#parts).follow(signal, { onRound, onPause })
  }

  // ---------------------------------------------------------------- looking

  async #lookThere(signal: AbortSignal): Promise<void> {
    if (this.#cursor !== undefined && (await this.#takeChanges(this.#cursor, signal))) return
    this.#cursor = undefined
    const cursor = await this.#parts.remote.cursor(signal)
    this.#trees.forgetRemote()
    for await (const files of this.#parts.remote.list(signal)) {
      this.#trees.observe(files, [])
      this.#progress('look', this.#trees.remote.size)
    }
    // what changed while it was listed
    if (!(await this.#takeChanges(cursor, signal)))
      throw new PeerbinError('busy', 'the listing took too long')
    await this.#trees.save(this.#trees.enterEpoch(epochOf(cursor)))
  }

  /** False when they are not known any more. */
  async #takeChanges(after: string, signal: AbortSignal): Promise<boolean> {
    for (let cursor = after; ;) {
      throwIfAborted(signal)
      const changes = await this.#parts.remote.changes(cursor, 0, signal)
      if (changes === 'lost') return false
      this.#trees.observe(changes.files, changes.gone)
      this.#cursor = cursor = changes.cursor
      if (!changes.more) return true
    }
  }

  async #lookHere(hints: ReadonlySet<string> | undefined, signal: AbortSignal): Promise<void> {
    if (hints === undefined || hints.size > LOOKS_MAX) return await this.#scan(signal)
    for (const path of [...hints, ...this.#trees.problems.keys()]) {
      throwIfAborted(signal)
      this.#trees.see(path, await this.#parts.folder.look(path))
    }
  }

  async #scan(signal: AbortSignal): Promise<void> {
    this.#trees.forgetLocal()
    for await (const { files, problems } of this.#parts.folder.scan(signal)) {
      for (const found of files) this.#trees.see(found.path, found)
      for (const found of problems) this.#trees.see(found.path, found)
      this.#progress('look', this.#trees.local.size)
    }
    await this.#trees.save(this.#trees.dropDigests())
  }

  // ---------------------------------------------------------------- working

  async #work(signal: AbortSignal): Promise<SyncSummary> {
    const round = new Round(this.#parts, this.#trees, this.#acts, this.#options)
    let isSure = false
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      throwIfAborted(signal)
      await readContents(this.#trees, this.#parts.folder, signal, (files, filesTotal, bytes) =>
        this.#options.onProgress?.({ phase: 'read', files, filesTotal, bytes })
      )
      const plan = await this.#settle()
      const actions = round.choose(plan, isSure || this.#options.dryRun === true)
      if (actions.length === 0) break
      if (this.#options.dryRun === true) {
        round.pretend(actions)
        break
      }
      if (!isSure && actions.some((action) => action.do === 'remove-remote')) {
        // what was moved while the folder was looked at was perhaps seen nowhere: once more, before anything is deleted for it
        isSure = true
        await this.#scan(signal)
        await this.#lookThere(signal)
        continue
      }
      const isChanged = await round.act(actions, signal)
      await this.#lookThere(signal)
      if (!isChanged && !round.isHolding) break
    }
    return round.summary()
  }

  /** The plan, after everything that only has to be remembered. */
  async #settle(): Promise<Plan> {
    await this.#trees.save([...this.#trees.takeArrivals(), ...this.#trees.takeOpen(this.#parts.clock.now())])
    for (let settling = 0; ; settling++) {
      const { base, remote, isFrozen } = this.#trees
      const plan = planSync({ base, remote, local: this.#trees.hashed(), isFrozen })
      if (plan.settlements.length === 0 || settling === SETTLINGS_MAX) return plan
      await this.#trees.save(plan.settlements.flatMap((settlement) => this.#trees.settle(settlement)))
    }
  }

  #progress(phase: 'look', files: number): void {
    this.#options.onProgress?.({ phase, files, filesTotal: files, bytes: 0 })
  }
}

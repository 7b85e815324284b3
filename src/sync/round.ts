/** One round of a synced folder: which actions are tried, what became of them, and what is told in the end. */

import { asPeerbinError, hasCode } from '../errors.ts'
import type { ErrorCode, PeerbinError } from '../errors.ts'
import { throwIfAborted } from '../runtime/deadline.ts'
import { inParallel } from '../runtime/in-parallel.ts'
import type { Acts } from './acts.ts'
import type { SyncOptions, SyncParts, SyncSkip, SyncStep, SyncSummary } from './engine-types.ts'
import type { Action, Plan } from './plan-types.ts'
import type { SyncTrees } from './trees.ts'

const FILES_AT_ONCE = 32
/** What the other side, or somebody else in the folder, did meanwhile: it is looked at again, and decided anew, so many times in a round. */
const TRIES = 3
/** More deletions than this, and more than half of all files: somebody should have a look. */
const DELETES_UNASKED = 25

/** In this order: nothing goes before what may replace it has come. */
const PHASES: readonly (readonly Action['do'][])[] = [
  ['set-aside', 'move-local'],
  ['move-remote'],
  ['upload'],
  ['download'],
  ['remove-local', 'remove-remote']
]

/** Errors that say that what was seen is not there any more. */
const OVERTAKEN: readonly ErrorCode[] = [
  'version-conflict',
  'path-taken',
  'path-conflict',
  'file-unknown',
  'version-unknown',
  'blocks-missing',
  'local-changed'
]

/** Errors of one file that may pass by themselves; the others that may concern the server, and all files. */
const PASSING: readonly ErrorCode[] = ['local-full', 'chunk-unavailable']

/** Errors after which nothing else will be answered either. */
const FATAL: readonly ErrorCode[] = ['aborted', 'sync-folder', 'internal', 'protocol-violation']

const isOfOneFile = (error: PeerbinError): boolean => {
  if (OVERTAKEN.includes(error.code) || PASSING.includes(error.code)) return true
  if (FATAL.includes(error.code) || error.retryable) return false
  // who we are, or what we may do: the same for every file
  return error.status !== 401 && error.status !== 403
}

export class Round {
  readonly #parts: SyncParts
  readonly #trees: SyncTrees
  readonly #acts: Acts
  readonly #options: SyncOptions
  /** Files that were in step when it began, against which deletions are weighed. */
  readonly #filesBefore: number
  readonly #tries = new Map<string, { count: number; skip: SyncSkip }>()
  readonly #over = new Map<string, SyncSkip>()
  readonly #steps: Omit<SyncSummary, 'files' | 'skipped' | 'refusedDeletes'> = {
    uploaded: 0,
    downloaded: 0,
    movedLocal: 0,
    movedRemote: 0,
    removedLocal: 0,
    removedRemote: 0,
    conflicts: 0,
    sentBytes: 0,
    fetchedBytes: 0
  }
  #refused = { local: 0, remote: 0 }
  #deleted = { local: 0, remote: 0 }
  #plan: Plan | undefined
  #isFull = false
  #isHolding = false
  #done = 0

  constructor(parts: SyncParts, trees: SyncTrees, acts: Acts, options: SyncOptions) {
    this.#parts = parts
    this.#trees = trees
    this.#acts = acts
    this.#options = options
    this.#filesBefore = trees.base.size
  }

  /**
   * Those actions of a plan that are to be done now. Deletions wait for a turn of their own, unless both sides were looked at just for them: what is sent and fetched before may
   * take hours, in which a file can move at the server, without another version, or come back here.
   */
  choose(plan: Plan, isSure: boolean): Action[] {
    const all = this.#allowed(plan)
    const others = all.filter((action) => !isRemoval(action))
    this.#isHolding = !isSure && others.length > 0 && others.length < all.length
    return this.#isHolding ? others : all
  }

  /** Whether there are deletions that wait. */
  get isHolding(): boolean {
    return this.#isHolding
  }

  #allowed(plan: Plan): Action[] {
    this.#plan = plan
    const refused = {
      local: this.#looksAccidental(plan, 'local'),
      remote: this.#looksAccidental(plan, 'remote')
    }
    this.#refused = { local: refused.local ?? 0, remote: refused.remote ?? 0 }
    return plan.actions.filter((action) => {
      if (action.do === 'remove-local' && refused.local !== undefined) return false
      if (action.do === 'remove-remote' && refused.remote !== undefined) return false
      if (action.do === 'download' && this.#isFull) return false
      return !this.#over.has(keyOf(action))
    })
  }

  /** How many deletions there would be on a side, when that looks like an accident. */
  #looksAccidental(plan: Plan, side: 'local' | 'remote'): number | undefined {
    if (this.#options.confirmDeletes === true) return undefined
    const planned = plan.actions.filter((action) => action.do === `remove-${side}`).length
    const count = planned + this.#deleted[side]
    return planned > 0 && count > DELETES_UNASKED && count > this.#filesBefore / 2 ? planned : undefined
  }

  /** Does them; false: nothing was done, and nothing was seen that makes another try worth while. */
  async act(actions: readonly Action[], signal: AbortSignal): Promise<boolean> {
    let isChanged = false
    const filesTotal = this.#done + actions.length
    for (const phase of PHASES) {
      // in the folder one after the other: names are given, and files make room for each other
      const limit = phase.includes('set-aside') ? 1 : (this.#options.filesAtOnceMax ?? FILES_AT_ONCE)
      const chosen = actions.filter((action) => phase.includes(action.do))
      await inParallel(chosen, limit, async (action) => {
        throwIfAborted(signal)
        if (await this.#tryOne(action, signal)) isChanged = true
        const bytes = this.#steps.sentBytes + this.#steps.fetchedBytes
        this.#options.onProgress?.({ phase: 'work', files: ++this.#done, filesTotal, bytes })
      })
    }
    return isChanged
  }

  async #tryOne(action: Action, signal: AbortSignal): Promise<boolean> {
    try {
      this.#count(await this.#acts.act(action, signal))
      return true
    } catch (thrown) {
      const error = asPeerbinError(thrown)
      throwIfAborted(signal)
      if (!isOfOneFile(error)) throw error
      const skip: SyncSkip = { path: pathOf(action), code: error.code }
      this.#parts.logger.debug('not in step yet', { act: action.do, code: error.code })
      if (hasCode(error, 'local-full')) this.#isFull = true
      if (!OVERTAKEN.includes(error.code)) {
        this.#over.set(keyOf(action), skip)
        return false
      }
      return await this.#again(action, skip)
    }
  }

  /** Looks again at what turned out to be different; true: it is worth another try. */
  async #again(action: Action, skip: SyncSkip): Promise<boolean> {
    for (const path of pathsOf(action)) this.#trees.see(path, await this.#parts.folder.look(path))
    const key = keyOf(action)
    const count = (this.#tries.get(key)?.count ?? 0) + 1
    this.#tries.set(key, { count, skip })
    if (count < TRIES) return true
    this.#over.set(key, skip)
    return false
  }

  /** Counts actions as done that are not. */
  pretend(actions: readonly Action[]): void {
    for (const action of actions) {
      const kind = action.do === 'set-aside' ? 'conflict' : action.do
      const sizeBytes = 'local' in action ? action.local.sizeBytes : action.file.sizeBytes
      const to = 'to' in action ? { to: action.to } : {}
      this.#count({ kind, path: pathOf(action), ...to, sizeBytes, sentBytes: 0 })
    }
  }

  #count(step: SyncStep): void {
    const steps = this.#steps
    if (step.kind === 'upload') {
      steps.uploaded++
      steps.sentBytes += step.sentBytes
    } else if (step.kind === 'download') {
      steps.downloaded++
      steps.fetchedBytes += step.sentBytes
    } else if (step.kind === 'move-local') steps.movedLocal++
    else if (step.kind === 'move-remote') steps.movedRemote++
    else if (step.kind === 'conflict') steps.conflicts++
    else if (step.kind === 'remove-local') {
      steps.removedLocal++
      this.#deleted.local++
    } else {
      steps.removedRemote++
      this.#deleted.remote++
    }
    this.#options.onStep?.(step)
  }

  summary(): SyncSummary {
    const skipped = new Map<string, SyncSkip>()
    const add = (skip: SyncSkip): void => void skipped.set(skip.path, skip)
    for (const action of this.#plan?.waiting ?? []) add({ path: pathOf(action), code: 'path-conflict' })
    for (const action of this.#plan?.actions ?? []) {
      if (action.do === 'download' && this.#isFull) add({ path: pathOf(action), code: 'local-full' })
    }
    for (const path of this.#plan?.empty ?? []) add({ path, code: 'empty-file' })
    for (const problem of this.#trees.problems.values()) add(problem)
    for (const skip of this.#over.values()) add(skip)
    return {
      ...this.#steps,
      files: this.#trees.base.size,
      skipped: [...skipped.values()],
      refusedDeletes: this.#refused
    }
  }
}

const isRemoval = (action: Action): boolean => action.do === 'remove-local' || action.do === 'remove-remote'

const pathOf = (action: Action): string => ('local' in action ? action.local.path : action.file.path)

/** The same for the same action with the same expectations. */
function keyOf(action: Action): string {
  const file = 'file' in action ? `${action.file.id} ${action.file.version} ${action.file.path}` : ''
  const local = 'local' in action ? `${action.local.stamp} ${action.local.path}` : ''
  return `${action.do} ${file} ${local} ${'to' in action ? action.to : ''}`
}

/** Paths that an action is about, to be looked at again when it failed. */
const pathsOf = (action: Action): string[] => {
  switch (action.do) {
    case 'download':
      return [action.file.path]
    case 'upload':
    case 'remove-local':
    case 'set-aside':
      return [action.local.path]
    case 'move-local':
      return [action.local.path, action.to]
    case 'move-remote':
      return [action.local.path, action.base.path]
    case 'remove-remote':
      return [action.base.path]
  }
}

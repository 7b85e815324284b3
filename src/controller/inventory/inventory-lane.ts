import { PeerbinError } from '../../errors.ts'
import type { Membership } from '../../cluster/membership.ts'
import type { Clock, Logger, StepResult, Worker } from '../../interfaces.ts'
import { abortScope } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { Findings } from './comparison.ts'
import type { Visit } from './holdings.ts'
import type { InventorySchedule, Task } from './schedule.ts'
import type { Swept } from './sweep.ts'

export interface InventoryLaneDeps {
  schedule: InventorySchedule
  membership: Membership
  clock: Clock
  logger: Logger
  /** Pause between two looks for a node that is due. */
  idleMs: number
  /** Numbers a comparison. */
  number: () => Promise<number>
  /** Yields after each bounded step. */
  compare: (visit: Visit, signal: AbortSignal) => AsyncGenerator<void, Findings>
  sweep: (visit: Visit, chunks: number) => Promise<Swept>
  /** Told when a comparison ended or failed. */
  onReady: () => void
  /** From the end of one comparison to the next of the same node. */
  nextMs: (swept: Swept) => number
}

interface Running {
  readonly task: Task
  readonly visit: Visit
  readonly steps: AsyncGenerator<void, Findings>
  readonly scope: AbortScope
  readonly unwatch: () => void
}

const nodeLeft = (): PeerbinError =>
  new PeerbinError('peer-unreachable', 'the node fell silent or started again')

/**
 * Compares one node after another. Several lanes share a schedule, so that one node that hangs does not keep the others waiting. What fails is left off and begun
 * anew later: a node that started again, does not answer, or breaks the rules.
 */
export class InventoryLane implements Worker {
  readonly name: string
  readonly idleMs: number
  readonly #deps: InventoryLaneDeps
  #running: Running | undefined

  constructor(deps: InventoryLaneDeps, lane: number) {
    this.#deps = deps
    this.name = `inventory-${lane}`
    this.idleMs = deps.idleMs
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { schedule, membership, clock, logger, onReady } = this.#deps
    const task = this.#running?.task ?? schedule.take(membership.all(), clock.monotonic())
    if (task === undefined) return 'idle'
    try {
      this.#running ??= await this.#begin(task, signal)
      const { done, value } = await this.#running.steps.next()
      if (done === true) {
        await this.#end(this.#running.visit, task, value)
        this.#letGo()
        onReady()
      }
    } catch (error) {
      this.#letGo()
      schedule.failed(task, clock.monotonic())
      onReady()
      // the node's failure is not the worker's: it must not slow down the others
      if (!signal.aborted) logger.warn('an inventory could not be compared', { peer: task.peer, err: error })
    }
    return 'busy'
  }

  async #begin(task: Task, signal: AbortSignal): Promise<Running> {
    const { number, compare } = this.#deps
    const visit = { ...task, inventory: await number() }
    const scope = abortScope(signal)
    const unwatch = this.#watch(task, scope)
    return { task, visit, steps: compare(visit, scope.signal), scope, unwatch }
  }

  /** A node that hangs falls silent soon, while its stocktaking may take minutes. Answers how to stop watching. */
  #watch({ peer, boot }: Task, scope: AbortScope): () => void {
    const { membership } = this.#deps
    const check = (): void => {
      const member = membership.get(peer)
      if (member?.liveness !== 'active' || member.boot !== boot) scope.abort(nodeLeft())
    }
    const unwatch = membership.onChange(check)
    // also when the lane is stopped between two steps, and never comes to its end
    scope.signal.addEventListener('abort', unwatch, { once: true })
    check()
    return unwatch
  }

  #letGo(): void {
    this.#running?.unwatch()
    this.#running?.scope[Symbol.dispose]()
    this.#running = undefined
  }

  async #end(visit: Visit, task: Task, { chunks, lost, foreign }: Findings): Promise<void> {
    const { schedule, clock, logger, sweep, nextMs } = this.#deps
    if (foreign > 0) {
      logger.info('a node holds chunks of generations that were never given out here: left alone', {
        peer: visit.peer,
        chunks: foreign
      })
    }
    if (lost > 0) logger.warn('a node has lost copies that were recorded', { peer: visit.peer, chunks: lost })
    const swept = await sweep(visit, chunks)
    const compared = { at: visit.inventory, chunks, ...swept }
    schedule.done(task, compared, clock.monotonic(), nextMs(swept))
    logger.debug('an inventory was compared', { peer: visit.peer, lost, ...compared })
  }
}

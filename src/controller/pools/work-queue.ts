/** Servers that wait for a group. Of each pool one of them looks at a time, whoever has waited longest, so that a hundred that wait cost as much as one. */

import { PeerbinError } from '../../errors.ts'
import type { GroupId, GroupRecord, PoolId } from '../../pools.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import type { UserId } from '../../types.ts'
import type { PoolDeps } from './deps.ts'

/** Servers that wait, of all pools: whoever comes then looks once. */
const WAITING_MAX = 1024
/** Of one server in one pool, so that a program that asks without end leaves room for others. */
const WAITING_OF_ONE_MAX = 32
/** Looked for so often without a word from the store: a pause after a failure is over, or a lease. */
const LOOK_MS = 500
/** Between two looks that events were the reason for; most of those are about other things. */
const EVENT_LOOK_MS = 50
/** All pools together are looked at no more often than this, on average: the more of them somebody waits at, the rarer each. */
const LOOK_OF_ALL_MS = 5

export interface WorkRequest {
  readonly pool: PoolId
  readonly server: UserId
  /** That one or nothing. */
  readonly group?: GroupId | undefined
  /** Of the server's choice: asked again with it, because an answer was lost, it is given the same. */
  readonly request?: string | undefined
}

interface Waiting {
  readonly request: WorkRequest
  readonly endsAt: number
  readonly signal: AbortSignal
  readonly settled: PromiseWithResolvers<GroupRecord | undefined>
}

interface PoolQueue {
  /** In the order they came. */
  readonly waiting: Set<Waiting>
  pause: AbortScope | undefined
  /** Something was written since the last look began. */
  isWoken: boolean
}

export class WorkQueue {
  readonly #deps: Pick<PoolDeps, 'store' | 'clock' | 'time'>
  readonly #queues = new Map<PoolId, PoolQueue>()
  #count = 0
  #unwatch: (() => void) | undefined

  constructor(deps: Pick<PoolDeps, 'store' | 'clock' | 'time'>) {
    this.#deps = deps
  }

  /** Undefined: there was none for so long. @throws the signal's reason; `pool-unknown`, `permission-denied` for a server that is none any more */
  async lease(request: WorkRequest, waitMs: number, signal: AbortSignal): Promise<GroupRecord | undefined> {
    const given = await this.#given(request)
    if (given !== undefined) return given
    const waiting = [...(this.#queues.get(request.pool)?.waiting ?? [])].map((each) => each.request)
    // whoever waits already comes first, for whatever there is
    const isFirst = request.group !== undefined || waiting.every(({ group }) => group !== undefined)
    const found = isFirst ? await this.#look(request) : undefined
    const ofServer = waiting.filter(({ server }) => server === request.server).length
    const isFull = this.#count >= WAITING_MAX || ofServer >= WAITING_OF_ONE_MAX
    if (found !== undefined || waitMs <= 0 || isFull) return found
    return await this.#wait({
      request,
      endsAt: this.#deps.clock.monotonic() + waitMs,
      signal,
      settled: Promise.withResolvers()
    })
  }

  /** There may be something now. */
  look(pool: PoolId): void {
    const queue = this.#queues.get(pool)
    if (queue === undefined) return
    queue.isWoken = true
    queue.pause?.abort(new PeerbinError('aborted'))
  }

  async #wait(waiting: Waiting): Promise<GroupRecord | undefined> {
    const { pool } = waiting.request
    const known = this.#queues.get(pool)
    const queue = known ?? { waiting: new Set(), pause: undefined, isWoken: false }
    queue.waiting.add(waiting)
    this.#count++
    const onAbort = (): void => this.look(pool)
    waiting.signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (known === undefined) this.#begin(pool, queue)
      return await waiting.settled.promise
    } finally {
      waiting.signal.removeEventListener('abort', onAbort)
      this.#count--
    }
  }

  #begin(pool: PoolId, queue: PoolQueue): void {
    this.#queues.set(pool, queue)
    this.#unwatch ??= this.#deps.store.eventWatch?.onWritten(() => this.#wakeAll())
    // each is told what went wrong by its own promise
    void this.#run(pool, queue)
  }

  #end(pool: PoolId): void {
    this.#queues.delete(pool)
    if (this.#queues.size > 0) return
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #wakeAll(): void {
    for (const pool of this.#queues.keys()) this.look(pool)
  }

  async #run(pool: PoolId, queue: PoolQueue): Promise<void> {
    for (;;) {
      this.#endThoseOver(queue)
      // in the same moment, so that nobody comes into a queue that nobody serves
      if (queue.waiting.size === 0) return this.#end(pool)
      queue.isWoken = false
      const isBusy = await this.#serve(queue)
      if (!isBusy) await this.#pause(queue)
    }
  }

  /** One look for each that waits for any, until one finds nothing; and one for each that waits for a certain group. True: somebody got one. */
  async #serve(queue: PoolQueue): Promise<boolean> {
    let isSomebody = false
    let isAny = true
    for (const waiting of queue.waiting) {
      if (waiting.request.group === undefined && !isAny) continue
      if (waiting.signal.aborted) continue
      try {
        const found = await this.#look(waiting.request)
        if (found === undefined) isAny = isAny && waiting.request.group !== undefined
        else {
          isSomebody = true
          settle(queue, waiting, () => waiting.settled.resolve(found))
        }
      } catch (error) {
        settle(queue, waiting, () => waiting.settled.reject(error))
      }
    }
    return isSomebody
  }

  #endThoseOver(queue: PoolQueue): void {
    const now = this.#deps.clock.monotonic()
    for (const waiting of queue.waiting)
      if (waiting.signal.aborted || waiting.endsAt <= now)
        settle(queue, waiting, () => waiting.settled.resolve(undefined))
  }

  async #pause(queue: PoolQueue): Promise<void> {
    const { clock } = this.#deps
    const leftMs = Math.min(...[...queue.waiting].map(({ endsAt }) => endsAt - clock.monotonic()))
    const shareMs = this.#queues.size * LOOK_OF_ALL_MS
    const pauseMs = Math.max(0, Math.min(leftMs, Math.max(LOOK_MS, shareMs)))
    const leastMs = Math.min(pauseMs, Math.max(EVENT_LOOK_MS, shareMs))
    await sleep(clock, leastMs)
    if (queue.isWoken || pauseMs === leastMs) return
    using pause = abortScope()
    queue.pause = pause
    // an aborted pause means that there is a reason to look
    await sleep(clock, pauseMs - leastMs, pause.signal).catch(() => undefined)
    queue.pause = undefined
  }

  /** An answer that was lost does not wait behind others. */
  async #given({ pool, server, request }: WorkRequest): Promise<GroupRecord | undefined> {
    if (request === undefined) return undefined
    const { store, time } = this.#deps
    return await store.findLease({ pool, server, request, now: time.now() })
  }

  /** Whoever waited may have been put out of the pool meanwhile. */
  async #look({ pool, server, group, request }: WorkRequest): Promise<GroupRecord | undefined> {
    const { store, time } = this.#deps
    const membership = await store.getMembership(pool, server)
    if (membership === undefined) throw new PeerbinError('pool-unknown')
    if (membership.member.role !== 'server') throw new PeerbinError('permission-denied')
    return await store.leaseGroup({ pool, server, group, request, now: time.now() })
  }
}

function settle(queue: PoolQueue, waiting: Waiting, how: () => void): void {
  queue.waiting.delete(waiting)
  how()
}

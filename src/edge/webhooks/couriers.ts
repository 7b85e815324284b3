/**
 * The edge's part of webhooks: takes those that have something to tell from the controller, tells it event by event, and reports each attempt. What it takes is leased: nobody else
 * tells a webhook anything meanwhile, and when this process dies somebody goes on once the lease is over, with the event whose report is missing.
 */

import type { ControllerClient } from '../../client/controller-client.ts'
import type { Config } from '../../config.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { cursorText } from '../../events.ts'
import type { Clock, Logger, Random, Service } from '../../interfaces.ts'
import { WEBHOOK_LEASES_MAX } from '../../protocol/limits.ts'
import type { RequestOf, ResponseOf, WebhookMessages } from '../../protocol/messages.ts'
import { abortScope, deadline, sleep } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { CourierId, Delivery } from '../../webhooks.ts'
import type { TellEvent } from './tell.ts'

/** After something went wrong with the controller itself; its client has repeated it before. */
const PAUSE_MS = 1000
/** Of a lease that much is used: the store's time may run a twentieth faster than an edge's clock (controller/store-time.ts), and a request has to be gone before it is over. */
const LEASE_SHARE = 0.9
/** One question to the controller about leases; of what it takes longer the lease would be gone. */
const CALL_SHARE = 0.3
/** After so long a webhook with more to tell waits its turn again: receivers that take their time must not have all the places of an edge while others wait. */
const TURN_MS = 2000
/** The last word of an edge that stops. */
const SETTLE_MS = 1000

type Leases = ResponseOf<WebhookMessages, 'leaseWebhooks'>
type LeasedEvent = Leases['leases'][number]['events'][number]
/** With what cursors of its events begin. */
type Lease = Leases['leases'][number] & Pick<Leases, 'epoch'>

export interface CouriersDeps {
  readonly controller: Pick<ControllerClient, 'call'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
  readonly tell: TellEvent
}

export class Couriers implements Service {
  readonly #deps: CouriersDeps
  /** Of this life: what an earlier one had leased is not this one's. */
  readonly #courier: CourierId
  readonly #stopping: AbortScope = abortScope()
  readonly #underWay = new Set<Promise<void>>()
  #loop: Promise<void> | undefined

  constructor(deps: CouriersDeps) {
    this.#deps = deps
    this.#courier = randomUuid(deps.random) as CourierId
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run()
  }

  /** Cuts off what is on its way: the event is told again, by somebody else. */
  async stop(): Promise<void> {
    this.#stopping.abort(new PeerbinError('shutting-down'))
    await this.#loop
    await Promise.all(this.#underWay)
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, logger } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#takeWork(signal)
      } catch (thrown) {
        if (signal.aborted) return
        // whoever leads is not there for now, or is an older program that knows no webhooks
        logger.debug('no work for webhooks could be had', { code: asPeerbinError(thrown).code })
        await sleep(clock, PAUSE_MS, signal).catch(() => undefined) // stopped: the loop's condition says so
      }
    }
  }

  async #takeWork(signal: AbortSignal): Promise<void> {
    const { controller, clock, config } = this.#deps
    const { concurrent, waitMs, leaseMs } = config.webhooks
    const free = concurrent - this.#underWay.size
    // whoever stops cuts them off
    if (free <= 0) return await Promise.race(this.#underWay)
    // within one request: an answer that comes too late is asked for again for nothing
    const patience = Math.min(waitMs, Math.floor(config.controller.requestTimeoutMs / 2))
    const { due } = await controller.call('awaitWebhooks', { waitMs: patience }, { signal })
    if (!due) return
    const askedAt = clock.monotonic()
    const timeoutMs = leaseMs * CALL_SHARE
    const limit = Math.min(free, WEBHOOK_LEASES_MAX)
    const answer = await controller.call(
      'leaseWebhooks',
      { courier: this.#courier, limit },
      { signal, timeoutMs }
    )
    const { epoch } = answer
    for (const lease of answer.leases)
      this.#begin({ ...lease, epoch }, askedAt + answer.leaseMs * LEASE_SHARE)
  }

  #begin(lease: Lease, endsAt: number): void {
    const work = this.#work(lease, endsAt).finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  /** Tells what one lease is about, event by event, as long as it is held. Never rejects. */
  async #work(lease: Lease, firstEndsAt: number): Promise<void> {
    const { clock, logger } = this.#deps
    const beganAt = clock.monotonic()
    let endsAt = firstEndsAt
    try {
      for (const [at, event] of lease.events.entries()) {
        const delivery = await this.#tell(lease, event, endsAt)
        if (delivery === undefined) return await this.#release(lease)
        const askedAt = clock.monotonic()
        const goOn = at < lease.events.length - 1 && askedAt - beganAt < TURN_MS
        if (!(await this.#report(lease, event, delivery, goOn))) return
        endsAt = askedAt + this.#deps.config.webhooks.leaseMs * LEASE_SHARE
      }
    } catch (thrown) {
      // nobody was told how it went: it is told again when the lease is over
      logger.debug('a delivery could not be reported', { code: asPeerbinError(thrown).code })
    }
  }

  /** Undefined: it was not tried, or cut off because this edge stops. A request that is not over when the lease ends is cut off, and has failed. */
  async #tell(lease: Lease, event: LeasedEvent, endsAt: number): Promise<Delivery | undefined> {
    const { clock, tell } = this.#deps
    const leftMs = endsAt - clock.monotonic()
    if (leftMs <= 0 || this.#stopping.signal.aborted) return undefined
    using limit = deadline(clock, leftMs, this.#stopping.signal)
    const startedAt = clock.monotonic()
    try {
      const cursor = cursorText({ epoch: lease.epoch, place: event.number, isGlobal: false })
      return await tell(lease, { ...event, cursor }, limit.signal)
    } catch {
      // by the signal alone
      if (this.#stopping.signal.aborted) return undefined
      const durationMs = Math.round(clock.monotonic() - startedAt)
      return { outcome: 'timeout', status: null, durationMs, retryAfterMs: null }
    }
  }

  async #report(
    { webhook, courier, lease, isReplay }: Lease,
    { number, id, type }: LeasedEvent,
    delivery: Delivery,
    goOn: boolean
  ): Promise<boolean> {
    const message: RequestOf<WebhookMessages, 'reportDelivery'> = {
      webhook,
      courier,
      lease,
      isReplay,
      event: { number, id, type },
      delivery: { ...delivery },
      goOn: goOn && !this.#stopping.signal.aborted
    }
    const { controller } = this.#deps
    const { held } = await controller.call('reportDelivery', message, { timeoutMs: this.#patienceMs })
    return held && message.goOn
  }

  async #release({ webhook, courier, lease }: Lease): Promise<void> {
    const { controller } = this.#deps
    await controller.call('releaseWebhook', { webhook, courier, lease }, { timeoutMs: this.#patienceMs })
  }

  /** For what is said of a lease; whoever stops does not wait for a controller that is not there. */
  get #patienceMs(): number {
    const { leaseMs } = this.#deps.config.webhooks
    return this.#stopping.signal.aborted ? Math.min(SETTLE_MS, leaseMs) : leaseMs * CALL_SHARE
  }
}

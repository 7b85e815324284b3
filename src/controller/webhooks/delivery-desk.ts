/** Where edges get webhooks to deliver to, and say how it went. Decisions are the store's (leases, places) and those of verdict.ts; here is only how they meet. */

import { hasCode } from '../../errors.ts'
import type { StoredEvent } from '../../events.ts'
import type { LeasedWebhook } from '../../metadata-webhooks.ts'
import { WEBHOOK_EVENTS_MAX } from '../../protocol/limits.ts'
import { sleep } from '../../runtime/deadline.ts'
import { epochOf } from './deps.ts'
import type { Request, Response, WebhookDeps } from './deps.ts'
import { mayBeTold } from './pool-hooks.ts'
import { verdictOf } from './verdict.ts'

/** How late an event may be told that was written while nobody had anything to do: an indexed look each time, of each edge that waits. */
const LOOK_MS = 200
/** Looks that find nothing to tell but more to look at, one behind the other: filters that let hardly anything through. */
const LOOKS_AT_ONCE = 20
/** Bytes of the events of one lease, encoded; one is always taken. With WEBHOOK_LEASES_MAX of them an answer is half of what a header may be. */
const LEASE_EVENTS_BYTES_MAX = 16 * 1024
/** What an event has beside its data, at most. */
const EVENT_BYTES = 512

type Lease = Response<'leaseWebhooks'>['leases'][number]

export class DeliveryDesk {
  readonly #deps: WebhookDeps

  constructor(deps: WebhookDeps) {
    this.#deps = deps
  }

  async wait({ waitMs }: Request<'awaitWebhooks'>, signal: AbortSignal): Promise<Response<'awaitWebhooks'>> {
    const { clock, store, time } = this.#deps
    const endsAt = clock.monotonic() + waitMs
    for (;;) {
      const dueAt = await store.nextWebhookAt()
      const leftMs = endsAt - clock.monotonic()
      const due = dueAt !== null && dueAt <= time.now()
      if (due || leftMs <= 0) return { due }
      await sleep(clock, Math.min(LOOK_MS, leftMs), signal)
    }
  }

  async lease({ courier, limit }: Request<'leaseWebhooks'>): Promise<Response<'leaseWebhooks'>> {
    const { config, store } = this.#deps
    const leases = await this.#take(courier, limit)
    return { leases, leaseMs: config.webhooks.leaseMs, epoch: await epochOf(store) }
  }

  async #take(courier: Lease['courier'], limit: number): Promise<Lease[]> {
    const { store, time, config } = this.#deps
    for (let looks = 0; looks < LOOKS_AT_ONCE; looks++) {
      const now = time.now()
      const dueAt = await store.nextWebhookAt()
      if (dueAt === null || dueAt > now) return []
      const until = now + config.webhooks.leaseMs
      const leased = await store.leaseWebhooks({
        courier,
        now,
        until,
        limit,
        perOwnerMax: config.webhooks.concurrentPerUser,
        eventsMax: WEBHOOK_EVENTS_MAX
      })
      const leases = (await Promise.all(leased.map((each) => this.#leaseOf(each, courier)))).flat()
      if (leases.length > 0) return leases
    }
    return []
  }

  async #leaseOf({ webhook, isReplay, events }: LeasedWebhook, courier: Lease['courier']): Promise<Lease[]> {
    const { secrets, time, store, logger } = this.#deps
    const { id, url, lease } = webhook
    if (!(await mayBeTold(store, webhook))) {
      await store.changeWebhook({ id, state: 'disabled', now: time.now() })
      return []
    }
    try {
      return [
        {
          webhook: id,
          courier,
          lease,
          url,
          secrets: secrets.signing(webhook, time.now()),
          isReplay,
          events: withinBytes(events)
        }
      ]
    } catch (error) {
      if (!hasCode(error, 'data-incompatible')) throw error
      // sealed with the key of another cluster: only its owner can help, with a new secret
      logger.error('the secret of a webhook cannot be read; it is disabled', { webhook: id })
      await store.changeWebhook({ id, state: 'disabled', now: time.now() })
      return []
    }
  }

  async report(message: Request<'reportDelivery'>): Promise<Response<'reportDelivery'>> {
    const { store, time, random, config } = this.#deps
    const { webhook: id, courier, lease, isReplay, event, delivery, goOn } = message
    const webhook = await store.getWebhook(id)
    // what of it decides is the holder's alone to change; whoever is fenced off by now is told so by the store
    if (webhook === undefined) return { held: false }
    const now = time.now()
    const standing = { ...webhook, attempts: webhook.attempted === event.number ? webhook.attempts : 0 }
    const rules = config.webhooks
    const verdict = verdictOf(standing, delivery, { now, fraction: random.fraction(), rules })
    const { outcome, status, durationMs } = delivery
    const held = await store.settleDelivery({
      id,
      courier,
      lease,
      isReplay,
      event,
      verdict,
      attempt: { outcome, status, durationMs },
      until: goOn ? now + rules.leaseMs : null,
      now
    })
    return { held }
  }

  async release({
    webhook: id,
    courier,
    lease
  }: Request<'releaseWebhook'>): Promise<Response<'releaseWebhook'>> {
    const { store, time } = this.#deps
    await store.releaseWebhook({ id, courier, lease, now: time.now() })
    return {}
  }
}

/** The first of them, as many as one lease has room for; the others come with the next. */
function withinBytes(events: readonly StoredEvent[]): StoredEvent[] {
  let bytes = 0
  const end = events.findIndex((event, at) => {
    bytes += EVENT_BYTES + Buffer.byteLength(JSON.stringify(event.data))
    return at > 0 && bytes > LEASE_EVENTS_BYTES_MAX
  })
  return events.slice(0, end === -1 ? events.length : end)
}

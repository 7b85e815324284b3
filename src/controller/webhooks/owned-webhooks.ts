/** What owners of webhooks ask for. */

import { PeerbinError } from '../../errors.ts'
import { userStream } from '../../events.ts'
import type { StoredWebhook } from '../../metadata-webhooks.ts'
import { WEBHOOKS_MAX } from '../../protocol/limits.ts'
import { WEBHOOK_TEST } from '../../webhooks.ts'
import type { WebhookId, WebhookRecord } from '../../webhooks.ts'
import { mustHave, mustReach } from '../accounts/actors.ts'
import type { Actor } from '../accounts/actors.ts'
import { poolStream, streamPool } from '../../pools.ts'
import { mustHavePools } from '../pools/rights.ts'
import { epochOf } from './deps.ts'
import type { Request, Response, WebhookDeps } from './deps.ts'
import { mustHearPool } from './pool-hooks.ts'

export class OwnedWebhooks {
  readonly #deps: WebhookDeps

  constructor(deps: WebhookDeps) {
    this.#deps = deps
  }

  async create({
    actor,
    secret,
    pool,
    ...given
  }: Request<'createWebhook'>): Promise<Response<'createWebhook'>> {
    if (actor.user === null) throw new PeerbinError('permission-denied', 'A webhook needs a user.')
    mustHear(actor)
    const { store, time, config, secrets } = this.#deps
    if (pool !== undefined) {
      mustHavePools(actor)
      await mustHearPool(store, pool, actor.user)
    }
    const webhook = await store.createWebhook({
      ...given,
      owner: actor.user,
      stream: pool === undefined ? userStream(actor.user) : poolStream(pool),
      secret: secrets.seal(given.id, secret),
      createdAt: time.now(),
      perUserMax: config.webhooks.perUserMax
    })
    // an id that somebody else has is not answered with what is theirs
    mustReach(actor, webhook.owner)
    return await this.#known(webhook)
  }

  async list({ actor, owner }: Request<'listWebhooks'>): Promise<Response<'listWebhooks'>> {
    mustReach(actor, owner)
    const webhooks = await this.#deps.store.listWebhooks(owner, WEBHOOKS_MAX)
    return { webhooks: webhooks.map(shown), epoch: await epochOf(this.#deps.store) }
  }

  async get({ actor, id }: Request<'getWebhook'>): Promise<Response<'getWebhook'>> {
    return await this.#known(await this.#owned(actor, id))
  }

  async change({
    actor,
    id,
    secret,
    ...given
  }: Request<'changeWebhook'>): Promise<Response<'changeWebhook'>> {
    const { store, time, config, secrets } = this.#deps
    const webhook = await this.#owned(actor, id)
    const isDirected = given.url !== undefined || given.types !== undefined || given.state === 'enabled'
    if (isDirected) await this.#mustHear(actor, webhook)
    const now = time.now()
    // told again it is the present one already
    const isNew = secret !== undefined && secrets.open(id, webhook.secret) !== secret
    const replaced = isNew && {
      secret: {
        from: webhook.secret,
        to: secrets.seal(id, secret),
        until: now + config.webhooks.secretOverlapMs
      }
    }
    return await this.#known(await store.changeWebhook({ id, ...given, ...replaced, now }))
  }

  async delete({ actor, id }: Request<'deleteWebhook'>): Promise<Response<'deleteWebhook'>> {
    await this.#owned(actor, id)
    await this.#deps.store.deleteWebhook(id)
    return {}
  }

  async deliveries({ actor, id }: Request<'listDeliveries'>): Promise<Response<'listDeliveries'>> {
    const { store } = this.#deps
    await this.#owned(actor, id)
    return { attempts: await store.listAttempts(id), dead: await store.listDeadLetters(id) }
  }

  async replay({ actor, id, what }: Request<'replayWebhook'>): Promise<Response<'replayWebhook'>> {
    const { store, time } = this.#deps
    await this.#mustHear(actor, await this.#owned(actor, id))
    const now = time.now()
    if ('events' in what) await store.replayEvents({ id, events: what.events, now })
    else {
      if (what.epoch !== (await epochOf(this.#deps.store))) throw new PeerbinError('cursor-expired')
      await store.rewindWebhook({ id, after: what.after, now })
    }
    return await this.#known(await this.#owned(actor, id))
  }

  async open({ actor, id }: Request<'openWebhook'>): Promise<Response<'openWebhook'>> {
    const webhook = await this.#owned(actor, id)
    const { secrets, time } = this.#deps
    return { webhook: shown(webhook), secrets: secrets.signing(webhook, time.now()) }
  }

  async noteTest({ actor, id, event, delivery }: Request<'noteTest'>): Promise<Response<'noteTest'>> {
    const { store, time } = this.#deps
    await this.#owned(actor, id)
    const { retryAfterMs: _retryAfterMs, ...told } = delivery
    const test = { event, number: null, type: WEBHOOK_TEST, nextAt: null, missed: 0 } as const
    await store.noteAttempt(id, { ...test, ...told, at: time.now() })
    return {}
  }

  /** And so must its owner, of a pool. @throws `permission-denied`, `pool-unknown` */
  async #mustHear(actor: Actor, { stream, owner }: StoredWebhook): Promise<void> {
    mustHear(actor)
    const pool = streamPool(stream)
    if (pool === undefined) return
    mustHavePools(actor)
    await mustHearPool(this.#deps.store, pool, owner)
  }

  /** @throws `webhook-unknown`, `permission-denied` */
  async #owned(actor: Actor, id: WebhookId): Promise<StoredWebhook> {
    const webhook = await this.#deps.store.getWebhook(id)
    if (webhook === undefined) throw new PeerbinError('webhook-unknown')
    mustReach(actor, webhook.owner)
    return webhook
  }

  async #known(webhook: StoredWebhook): Promise<Response<'getWebhook'>> {
    return { webhook: shown(webhook), epoch: await epochOf(this.#deps.store) }
  }
}

/** Whoever says where events go hears them: a key must have been given that. @throws `permission-denied` */
const mustHear = (actor: Actor): void => mustHave(actor, ['history:read'])

/** Without what only the controller knows. */
export function shown({
  secret: _secret,
  previous: _previous,
  courier: _courier,
  lease: _lease,
  leasedUntil: _leasedUntil,
  tries: _tries,
  ...webhook
}: StoredWebhook): WebhookRecord & { types: WebhookRecord['types'][number][] } {
  return { ...webhook, types: [...webhook.types] }
}

/** What an edge does for webhooks, put together. */

import type { EventId } from '../../types.ts'
import type { Delivery, WebhookRecord } from '../../webhooks.ts'
import type { EdgeDeps } from '../context.ts'
import { cloudEvent } from '../events/cloud-event.ts'
import { addressCheck } from './addresses.ts'
import { Couriers } from './couriers.ts'
import { nameResolver } from './names.ts'
import { post } from './post.ts'
import { cleanTarget } from './target.ts'
import { messageOf, testEvent } from './tell.ts'
import type { TellEvent, WebhookTarget } from './tell.ts'

export interface EdgeWebhooks {
  /** An address in its one form. @throws `invalid-field` */
  cleanTarget(url: string): string
  /** Sends a test, which is tried once. */
  test(what: { webhook: WebhookRecord; secrets: readonly string[]; event: EventId }): Promise<Delivery>
  readonly couriers: Couriers
}

export function openWebhooks(
  deps: Pick<
    EdgeDeps,
    'controller' | 'clock' | 'random' | 'logger' | 'config' | 'version' | 'clusterName' | 'resolveName'
  >
): EdgeWebhooks {
  const { clock, config } = deps
  const { allow, insecure, connectMs, answerMs } = config.webhooks
  const check = addressCheck(allow)
  const rules = { check, insecure, hasAllowed: allow.length > 0 }
  const sending = { clock, check, insecure, connectMs, answerMs, resolve: deps.resolveName ?? nameResolver() }
  const send = async (target: WebhookTarget, id: EventId, event: object, signal: AbortSignal) =>
    await post(sending, messageOf(target, id, JSON.stringify(event), deps), signal)
  const tell: TellEvent = async (target, event, signal) =>
    await send(target, event.id, cloudEvent(event, deps.clusterName), signal)
  return {
    cleanTarget: (url) => cleanTarget(url, rules),
    test: async ({ webhook, secrets, event }) => {
      const content = testEvent(webhook, event, deps.clusterName, clock.now())
      // bounded by its own times
      return await send({ url: webhook.url, secrets }, event, content, NEVER)
    },
    couriers: new Couriers({ ...deps, tell })
  }
}

const NEVER = new AbortController().signal

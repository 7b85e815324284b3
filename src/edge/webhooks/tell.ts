/** An event as a webhook gets it: a CloudEvent, signed. */

import type { Clock } from '../../interfaces.ts'
import type { EventId } from '../../types.ts'
import { WEBHOOK_TEST } from '../../webhooks.ts'
import type { Delivery, WebhookRecord } from '../../webhooks.ts'
import { isoTime } from '../accounts/answers.ts'
import { CLOUD_EVENT_TYPE } from '../events/cloud-event.ts'
import type { ToldEvent } from '../events/listening.ts'
import type { Post } from './post.ts'
import { signatureHeaders } from './signature.ts'

export interface WebhookTarget {
  readonly url: string
  readonly secrets: readonly string[]
}

/** @throws only the reason of the signal */
export type TellEvent = (target: WebhookTarget, event: ToldEvent, signal: AbortSignal) => Promise<Delivery>

/** The request that tells an event. @param body of the event, as a CloudEvent in JSON */
export function messageOf(
  { url, secrets }: WebhookTarget,
  id: EventId,
  body: string,
  { clock, version }: { readonly clock: Clock; readonly version: string }
): Post {
  return {
    url,
    headers: {
      'content-type': `${CLOUD_EVENT_TYPE}; charset=utf-8`,
      'user-agent': `peerbin/${version}`,
      accept: '*/*',
      ...signatureHeaders(secrets, { id, at: clock.now(), body })
    },
    body
  }
}

/** What a test sends: of no stream, so that it has neither a sequence nor a cursor. */
export const testEvent = (webhook: WebhookRecord, id: EventId, clusterName: string, now: number): object => ({
  specversion: '1.0',
  id,
  source: `/peerbin/${encodeURIComponent(clusterName)}`,
  type: WEBHOOK_TEST,
  subject: webhook.id,
  time: isoTime(now),
  datacontenttype: 'application/json',
  owner: webhook.owner,
  data: { webhook_id: webhook.id }
})

/** `/api/webhooks`: addresses that are told what happens to one's things. */

import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { WEBHOOK_DESCRIPTION_LENGTH_MAX } from '../../../protocol/limits.ts'
import { randomUuid } from '../../../runtime/random.ts'
import type { UserId } from '../../../types.ts'
import type { WebhookId } from '../../../webhooks.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, messageSchema, refusals } from '../../accounts/answers.ts'
import { cleanLabel } from '../../accounts/labels.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { typesSchema, webhookAnswer, webhookSchema } from '../../webhooks/answers.ts'
import { poolIdOf } from '../../events/pool-id.ts'
import { newWebhookSecret } from '../../webhooks/signature.ts'

export const tags = ['webhooks']
export const params = z.object({ id: z.string().describe('webhook_id') })
export const permission = { who: 'user', scope: 'account' } as const
export const secretSchema = z
  .string()
  .describe('whsec_…: with it a receiver knows what comes from here; it is shown this once')

const url = z.string().min(1).describe('https://…; where events are posted to')
const description = z.string().max(WEBHOOK_DESCRIPTION_LENGTH_MAX).describe('what it is for')
const types = typesSchema.describe('types of events; none: all')
const createBody = z.strictObject({
  url,
  pool: z
    .string()
    .optional()
    .describe('UUID of a pool whose owner or server one is: its events; default: one’s own'),
  types: types.optional(),
  description: description.optional()
})
const changeBody = z.strictObject({
  url: url.optional(),
  types: types.optional(),
  description: description.optional(),
  state: z.enum(['enabled', 'disabled']).optional()
})

const labelOf = (text: string): string => (text.trim() === '' ? '' : cleanLabel(text, 'description'))

const createWebhook: Route = (app, context) => {
  app.post(
    '/api/webhooks',
    {
      schema: {
        summary: 'Make a webhook',
        description:
          'What happens from now on is posted there, in order, signed by the Standard Webhooks scheme. docs/webhooks.md tells how to verify it. A key needs the scope history:read too.',
        tags,
        response: {
          201: webhookSchema.extend({ message: z.string(), secret: secretSchema }),
          ...refusals('401; 403; 404 pool-unknown; 409 webhooks-full; 422 invalid-field')
        }
      },
      config: { permission, history: { action: 'webhook.created' }, ...jsonBodyOf(createBody) }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const body = await readJson(context, request, createBody)
      const secret = newWebhookSecret(context.random)
      const known = await context.controller.call('createWebhook', {
        actor: asking(actor),
        id: randomUuid(context.random) as WebhookId,
        ...(body.pool !== undefined && { pool: poolIdOf(body.pool) }),
        url: context.webhooks.cleanTarget(body.url),
        types: [...new Set(body.types)],
        description: labelOf(body.description ?? ''),
        secret
      })
      request.noted?.set({ owner: known.webhook.owner, detail: known.webhook.id })
      const message = 'Keep the secret now: it is not shown again.'
      return await reply.code(201).send({ message, secret, ...webhookAnswer(known) })
    }
  )
}

const listWebhooks: Route = (app, context) => {
  app.get(
    '/api/webhooks',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'My webhooks',
        description: 'The oldest first.',
        tags,
        querystring: z.object({
          owner: z.string().optional().describe('UUID of a user, for administrators')
        }),
        response: { 200: z.object({ webhooks: z.array(webhookSchema) }), ...refusals('401; 403') }
      },
      config: { permission }
    },
    async (request) => {
      const actor = actorOf(request)
      const { owner } = request.query
      const { webhooks, epoch } = await context.controller.call('listWebhooks', {
        actor: asking(actor),
        owner: owner === undefined ? actor.user : idOf<UserId>(owner, 'user-unknown')
      })
      return { webhooks: webhooks.map((webhook) => webhookAnswer({ webhook, epoch })) }
    }
  )
}

const getWebhook: Route = (app, context) => {
  app.get(
    '/api/webhooks/:id',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'A webhook',
        tags,
        params,
        response: { 200: webhookSchema, ...refusals('401; 403; 404 webhook-unknown') }
      },
      config: { permission }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      return webhookAnswer(
        await context.controller.call('getWebhook', { actor: asking(actorOf(request)), id })
      )
    }
  )
}

const changeWebhook: Route = (app, context) => {
  app.patch(
    '/api/webhooks/:id',
    {
      schema: {
        summary: 'Change a webhook',
        description:
          'One that is enabled again goes on where it stood. Another address, or enabling it, tries the event under way at once.',
        tags,
        params,
        response: {
          200: webhookSchema,
          ...refusals('401; 403; 404 webhook-unknown; 422 invalid-field')
        }
      },
      config: { permission, history: { action: 'webhook.changed' }, ...jsonBodyOf(changeBody) }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      request.noted?.set({ detail: id })
      const body = await readJson(context, request, changeBody)
      const known = await context.controller.call('changeWebhook', {
        actor: asking(actorOf(request)),
        id,
        state: body.state,
        ...(body.url !== undefined && { url: context.webhooks.cleanTarget(body.url) }),
        ...(body.types !== undefined && { types: [...new Set(body.types)] }),
        ...(body.description !== undefined && { description: labelOf(body.description) })
      })
      request.noted?.set({ owner: known.webhook.owner })
      return webhookAnswer(known)
    }
  )
}

const deleteWebhook: Route = (app, context) => {
  app.delete(
    '/api/webhooks/:id',
    {
      schema: {
        summary: 'Remove a webhook',
        tags,
        params,
        response: { 200: messageSchema, ...refusals('401; 403; 404 webhook-unknown') }
      },
      config: { permission, history: { action: 'webhook.removed' } }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      request.noted?.set({ detail: id })
      await context.controller.call('deleteWebhook', { actor: asking(actorOf(request)), id })
      return { message: 'The webhook is removed.' }
    }
  )
}

const rotateSecret: Route = (app, context) => {
  app.post(
    '/api/webhooks/:id/secret',
    {
      schema: {
        summary: 'A new secret for a webhook',
        description:
          'For a day the one before signs as well: what comes then has two signatures, and a receiver takes either.',
        tags,
        params,
        response: {
          200: messageSchema.extend({ webhook_id: z.string(), secret: secretSchema }),
          ...refusals('401; 403; 404 webhook-unknown')
        }
      },
      config: { permission, history: { action: 'webhook.changed' } }
    },
    async (request) => {
      const id = idOf<WebhookId>(request.params.id, 'webhook-unknown')
      request.noted?.set({ detail: id })
      const actor = asking(actorOf(request))
      const secret = newWebhookSecret(context.random)
      const { webhook } = await context.controller.call('changeWebhook', { actor, id, secret })
      // another one that came at the same moment was first
      const { secrets } = await context.controller.call('openWebhook', { actor, id })
      if (secrets[0] !== secret) throw new PeerbinError('busy')
      request.noted?.set({ owner: webhook.owner })
      return { message: 'Keep the secret now: it is not shown again.', webhook_id: id, secret }
    }
  )
}

export const webhookRoutes: readonly Route[] = [
  createWebhook,
  listWebhooks,
  getWebhook,
  changeWebhook,
  deleteWebhook,
  rotateSecret
]

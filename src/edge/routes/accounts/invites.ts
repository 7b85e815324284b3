/** `/api/invites`: invitations, each of which lets one person register. */

import { z } from 'zod'
import { actorOf, asking } from '../../accounts/actor.ts'
import { idOf, isoTime, messageSchema, refusals } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { requestOrigin } from '../../upload-answer.ts'
import { USERS_PER_PAGE_MAX } from '../../../protocol/limits.ts'
import { hashSecret, newDeleteSecret } from '../../../protocol/secrets.ts'
import { randomUuid } from '../../../runtime/random.ts'
import { ACCOUNT_ROLES } from '../../../types.ts'
import type { InviteId, InviteRecord } from '../../../types.ts'

const ADMIN = { who: 'admin', scope: 'admin' } as const
const YEAR_S = 366 * 24 * 3600

const inviteSchema = z.object({
  invite_id: z.string(),
  role: z.enum(ACCOUNT_ROLES).describe('what whoever registers with it will be'),
  created_at: z.string().describe('ISO 8601'),
  expires_at: z.string().describe('ISO 8601'),
  used_by: z.string().nullable().describe('user_id of who registered with it')
})
const inviteAnswer = ({
  id,
  role,
  createdAt,
  expiresAt,
  usedBy
}: InviteRecord): z.output<typeof inviteSchema> => ({
  invite_id: id,
  role,
  created_at: isoTime(createdAt),
  expires_at: isoTime(expiresAt),
  used_by: usedBy
})
const body = z.strictObject({
  role: z.enum(ACCOUNT_ROLES).default('user'),
  expires_in: z.int().min(1).max(YEAR_S).optional().describe('seconds; 7 days unless it is set otherwise')
})
const params = z.object({ id: z.string().describe('invite_id') })
const listQuery = z.strictObject({
  after: z.string().optional().describe('invite_id: the last of the page before'),
  limit: z.coerce.number().int().min(1).max(USERS_PER_PAGE_MAX).default(100)
})

const tags = ['admin']

const listInvites: Route = (app, context) => {
  const { controller } = context
  app.get(
    '/api/invites',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Invitations, the newest first',
        tags,
        querystring: listQuery,
        response: {
          200: z.object({ invites: z.array(inviteSchema), next: z.string().nullable() }),
          ...refusals('401; 403')
        }
      },
      config: { permission: ADMIN }
    },
    async (request) => {
      const { after, limit } = request.query
      const found = await controller.call('listInvites', {
        actor: asking(actorOf(request)),
        limit,
        ...(after !== undefined && { after: idOf<InviteId>(after, 'invite-unknown') })
      })
      const next = found.invites.length < limit ? null : (found.invites.at(-1)?.id ?? null)
      return { invites: found.invites.map(inviteAnswer), next }
    }
  )
}

const createInvite: Route = (app, context) => {
  const { controller, config, clock, random } = context
  app.post(
    '/api/invites',
    {
      schema: {
        summary: 'Invite somebody',
        description: 'The invitation is shown this once, and works once.',
        tags,
        response: {
          201: inviteSchema.extend({
            message: z.string(),
            invite: z.string().describe('goes into the field `invite` of /api/register'),
            invite_url: z.string().describe('the page to register on, with the invitation behind its #')
          }),
          ...refusals('401; 403; 422 invalid-field')
        }
      },
      config: { permission: ADMIN, ...jsonBodyOf(body) }
    },
    async (request, reply) => {
      const { role, expires_in: expiresIn } = await readJson(context, request, body)
      const secret = newDeleteSecret(random)
      const { invite } = await controller.call('createInvite', {
        actor: asking(actorOf(request)),
        id: randomUuid(random) as InviteId,
        hash: hashSecret(secret),
        role,
        expiresAt: clock.now() + (expiresIn === undefined ? config.account.inviteMs : expiresIn * 1000)
      })
      return await reply.code(201).send({
        message: 'Pass the invitation on: it works once, and is not shown again.',
        invite: secret,
        invite_url: `${requestOrigin(context, request)}/sign-up#${secret}`,
        ...inviteAnswer(invite)
      })
    }
  )
}

const deleteInvite: Route = (app, context) => {
  const { controller } = context
  app.delete(
    '/api/invites/:id',
    {
      schema: {
        summary: 'Withdraw an invitation',
        tags,
        params,
        response: { 200: messageSchema, ...refusals('401; 403; 404 invite-unknown') }
      },
      config: { permission: ADMIN }
    },
    async (request) => {
      const id = idOf<InviteId>(request.params.id, 'invite-unknown')
      await controller.call('deleteInvite', { actor: asking(actorOf(request)), id })
      return { message: 'The invitation is withdrawn.' }
    }
  )
}

export const invites: Route = (app, context) => {
  for (const route of [listInvites, createInvite, deleteInvite]) route(app, context)
}

/** `/api/pools/{pool}/members`: who is in a pool, and as what. */

import { z } from 'zod'
import { cleanUserName } from '../../../protocol/user-names.ts'
import type { UserId } from '../../../types.ts'
import { actorOf } from '../../accounts/actor.ts'
import { messageSchema } from '../../accounts/answers.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { memberAnswer, memberSchema, role } from '../../pools/answers.ts'
import { afterOf, memberIdOf, pageLimitOf, yesOf } from '../../pools/fields.ts'
import {
  inPool,
  memberParams,
  nextSchema,
  pageQuery,
  permission,
  poolParams,
  refusals,
  tags
} from './shared.ts'

const addBody = z.strictObject({ name: z.string().describe('of a user who has an account'), role })
const changeBody = z.strictObject({ role })

const listMembers: Route = (app, context) => {
  app.get(
    '/api/pools/:pool/members',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Members of a pool',
        description: 'Owners and servers see all of them; others themselves and the owners.',
        tags,
        params: poolParams,
        querystring: z.object({
          ...pageQuery,
          role: role.optional(),
          silent: z.string().optional().describe('1: only producers that should have sent, and have not')
        }),
        response: { 200: z.object({ members: z.array(memberSchema), next: nextSchema }), ...refusals() }
      },
      config: { permission }
    },
    async (request) => {
      const { after, limit, role: wanted, silent } = request.query
      const from = afterOf<UserId>(after)
      const { members, next } = await context.controller.call('listMembers', {
        ...inPool(request, request.params),
        limit: pageLimitOf(limit),
        ...(wanted !== undefined && { role: wanted }),
        ...(yesOf(silent, 'silent') && { silent: true }),
        ...(from !== undefined && { after: from })
      })
      return { members: members.map(memberAnswer), next }
    }
  )
}

const addMember: Route = (app, context) => {
  app.post(
    '/api/pools/:pool/members',
    {
      schema: {
        summary: 'Take a user into a pool',
        description: 'For its owners. Whoever is a member already stays what they are.',
        tags,
        params: poolParams,
        response: {
          201: memberSchema,
          ...refusals('404 user-unknown; 409 pool-full, pool-archived; 422 invalid-field')
        }
      },
      config: { permission, ...jsonBodyOf(addBody) }
    },
    async (request, reply) => {
      const asked = inPool(request, request.params)
      const body = await readJson(context, request, addBody)
      const name = cleanUserName(body.name, 'name')
      const { member } = await context.controller.call('addMember', { ...asked, name, role: body.role })
      return await reply.code(201).send(memberAnswer(member))
    }
  )
}

const changeMember: Route = (app, context) => {
  app.patch(
    '/api/pools/:pool/members/:user',
    {
      schema: {
        summary: 'Give a member another role',
        description: 'For owners.',
        tags,
        params: memberParams,
        response: {
          200: memberSchema,
          ...refusals('404 member-unknown; 409 last-owner; 422 invalid-field')
        }
      },
      config: { permission, ...jsonBodyOf(changeBody) }
    },
    async (request) => {
      const asked = inPool(request, request.params)
      const user = memberIdOf(request.params.user, actorOf(request).user)
      const body = await readJson(context, request, changeBody)
      const { member } = await context.controller.call('changeMember', { ...asked, user, role: body.role })
      return memberAnswer(member)
    }
  )
}

const removeMember: Route = (app, context) => {
  app.delete(
    '/api/pools/:pool/members/:user',
    {
      schema: {
        summary: 'Take a member out of a pool',
        description:
          'For owners; everybody may go by themselves (`me`). What was committed stays; batches that are open are given up, and the account of a program ends.',
        tags,
        params: memberParams,
        response: { 200: messageSchema, ...refusals('404 member-unknown; 409 last-owner') }
      },
      config: { permission }
    },
    async (request) => {
      const asked = inPool(request, request.params)
      const user = memberIdOf(request.params.user, actorOf(request).user)
      await context.controller.call('removeMember', { ...asked, user })
      context.sessions.changed() // that of a program has ended
      return { message: 'The member is removed.' }
    }
  )
}

export const memberRoutes: readonly Route[] = [listMembers, addMember, changeMember, removeMember]

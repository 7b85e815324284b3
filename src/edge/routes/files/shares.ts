/** Share links of a file: `POST /api/files/{id}/share`, `GET …/shares`, `DELETE …/shares/{share}`. */

import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { LINK_DOWNLOADS_MAX, CHUNKS_PER_PAGE_MAX } from '../../../protocol/limits.ts'
import { cleanPassword } from '../../../protocol/password.ts'
import { hashSecret, newDeleteSecret, newLinkToken } from '../../../protocol/secrets.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { linkTerms } from '../../http/link-terms.ts'
import { protectedBy } from '../receive.ts'
import { requestOrigin, uploadAnswer, uploadAnswerSchema } from '../../upload-answer.ts'
import { messageSchema, shareAnswer, sharesSchema } from '../../user-files/answers.ts'
import { decodeShareCursor, encodeShareCursor } from '../../user-files/cursors.ts'
import { entryIdOf, entryParams, json, refusals, tags } from './shared.ts'

const wanted = z.strictObject({
  downloads: z
    .int()
    .min(1)
    .max(LINK_DOWNLOADS_MAX)
    .optional()
    .describe('how often the link can be redeemed; default: 1'),
  expires: z.int().min(1).optional().describe('seconds until it expires; default: two days'),
  password: z.string().optional().describe('whoever redeems it has to give it; 1 to 1024 bytes'),
  version: z.int().min(1).optional().describe('default: the one that counts now')
})
const sharedSchema = uploadAnswerSchema.extend({
  share: z.string().describe('names the link in the list of shares'),
  version: z.int()
})

const textOf = (number: number | undefined): string | undefined =>
  number === undefined ? undefined : String(number)

export const shareFile: Route = (app, context) => {
  const { config, controller, random } = context
  app.post(
    '/api/files/:id/share',
    {
      schema: {
        summary: 'Make a link to a file, to give away',
        description: 'Told once: only hashes of what opens it are kept.',
        tags,
        params: entryParams,
        response: {
          201: json('The link', sharedSchema),
          ...refusals('404 version-unknown; 409 upload-failed, shares-full; 422 invalid-field')
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:share', of: 'entry' },
        history: { action: 'share' },
        ...jsonBodyOf(wanted)
      }
    },
    async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const { version, password, ...asked } = await readJson(context, request, wanted)
      const terms = linkTerms(
        { downloads: textOf(asked.downloads), expires: textOf(asked.expires) },
        { downloads: 'downloads', expires: 'expires', days: '' },
        config.link
      )
      const clean = password === undefined || password === '' ? undefined : cleanPassword(password)
      // who may not share it is to cost no hash; and an expiry is by the controller's clock
      const { now } = await controller.call('getEntry', { actor, id })
      const isProtected = clean !== undefined
      const token = newLinkToken(random)
      const deleteSecret = newDeleteSecret(random)
      const shared = await controller.call('shareEntry', {
        actor,
        id,
        ...(version !== undefined && { version }),
        link: {
          tokenHash: hashSecret(token),
          deleteHash: hashSecret(deleteSecret),
          downloads: terms.downloads,
          expiresAt: now + terms.ttlMs,
          ...(await protectedBy(context, reply, clean))
        }
      })
      if (isProtected && !shared.link.isProtected)
        throw new PeerbinError('internal', 'a password was passed over')
      request.noted?.set({ version: shared.version, detail: shareAnswer(shared).share })
      context.logger.info('a file of a user was shared', { entry: id })
      const { file, link } = shared
      const result = {
        file,
        token,
        deleteSecret,
        isProtected,
        needsProof: false,
        ...terms,
        expiresAt: link.expiresAt
      }
      const answer = uploadAnswer(requestOrigin(context, request), result)
      return reply.code(201).send({ ...answer, share: shareAnswer(shared).share, version: shared.version })
    }
  )
}

const query = z.object({ after: z.string().optional().describe('`next` of the page before') })

export const listShares: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/:id/shares',
    schema: {
      summary: 'Links of a file',
      description: 'Those that have ended among them, for as long as links are remembered.',
      tags,
      params: entryParams,
      querystring: query,
      response: { 200: json('One page', sharesSchema), ...refusals() }
    },
    config: { permission: { who: 'user', scope: 'files:share', of: 'entry' } },
    handler: async (request, reply) => {
      const { after } = request.query
      const limit = CHUNKS_PER_PAGE_MAX
      const { shares } = await context.controller.call('listShares', {
        actor: asking(actorOf(request)),
        id: entryIdOf(request.params),
        ...(after !== undefined && { after: decodeShareCursor(after, 'after') }),
        limit
      })
      const last = shares.at(-1)
      return reply.send({
        shares: shares.map(shareAnswer),
        next: shares.length < limit || last === undefined ? null : encodeShareCursor(last.link)
      })
    }
  })
}

const shareParams = entryParams.extend({ share: z.string().describe('`share` of a link') })

export const deleteShare: Route = (app, context) => {
  app.delete(
    '/api/files/:id/shares/:share',
    {
      schema: {
        summary: 'Withdraw a link of a file',
        description: 'Downloads by it that run are cut off. Withdrawing it again does no harm.',
        tags,
        params: shareParams,
        response: { 200: json('Withdrawn', messageSchema), ...refusals('404 share-unknown') }
      },
      config: {
        permission: { who: 'user', scope: 'files:share', of: 'entry' },
        history: { action: 'unshare' }
      }
    },
    async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const { share } = request.params
      if (!/^[0-9a-f]{16}$/.test(share)) throw new PeerbinError('share-unknown')
      request.noted?.set({ detail: share })
      await context.controller.call('revokeShare', { actor, id, share })
      context.logger.info('a share of a file was withdrawn', { entry: id })
      return reply.send({ message: 'The link was withdrawn.' })
    }
  )
}

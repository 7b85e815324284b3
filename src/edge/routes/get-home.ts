/** `GET /`: the upload page, and what it is made of. */

import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { Route } from '../context.ts'
import { hasSession } from '../pages/account-nav.ts'
import { uploadPage } from '../pages/upload-page.ts'
import { requestOrigin } from '../upload-answer.ts'

/** Assets carry their hash in their name: what a name stands for never changes. */
const ASSET_AGE_S = 365 * 24 * 60 * 60

export const getHome: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    schema: {
      summary: 'The upload page',
      tags: ['pages'],
      response: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } }
    },
    handler: async (request, reply) => {
      const page = uploadPage({
        assets: context.assets,
        config: context.config,
        origin: requestOrigin(context, request),
        isSignedIn: hasSession(request)
      })
      return reply.type('text/html; charset=utf-8').send(page)
    }
  })
}

export const getAsset: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/assets/:file',
    schema: { hide: true, params: z.object({ file: z.string() }) },
    handler: async (request, reply) => {
      const asset = context.assets.find(request.params.file)
      if (asset === undefined) throw new PeerbinError('not-found')
      return reply
        .header('cache-control', `public, max-age=${ASSET_AGE_S}, immutable`)
        .type(asset.type)
        .send(asset.body)
    }
  })
}

/** `GET /sign-in`, `/my` and the others: pages of accounts and files. They are the same for everybody, so nobody has to be signed in to load one; what they show, the API gives to those who may see it. */

import { z } from 'zod'
import type { Route } from '../context.ts'
import { ACCOUNT_PAGES, accountPage } from '../pages/account-page.ts'
import type { AccountPath } from '../pages/account-page.ts'
import { poolParams } from './pools/shared.ts'

export const getAccountPages: Route = (app, context) => {
  const { assets, config } = context
  for (const path of Object.keys(ACCOUNT_PAGES) as AccountPath[]) {
    const page = accountPage(assets, config, path)
    app.route({
      method: ['GET', 'HEAD'],
      url: path,
      schema: {
        summary: `The page “${ACCOUNT_PAGES[path].title}”`,
        tags: ['pages'],
        // the page is the same for each; the API says whether there is one
        ...(path.includes('/:pool') && { params: poolParams }),
        response: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } }
      },
      handler: async (_request, reply) => reply.type('text/html; charset=utf-8').send(page)
    })
  }
}

/** How /openapi.json is made from the routes. */

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import type { Permission } from './accounts/permissions.ts'
import { SESSION_COOKIE } from './accounts/session-cookie.ts'

/** Bodies that Fastify does not parse (files, forms) are described in a route's config, and added here. */
export const swaggerOptions = (version: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'peerbin',
      description:
        'Upload a file, get a link, redeem it. docs/http.md has examples; docs/errors.md lists the codes of errors.',
      version
    },
    tags: [
      { name: 'upload', description: 'Files in' },
      { name: 'link', description: 'Links, and files out' },
      { name: 'files', description: 'Files of users: docs/files.md' },
      { name: 'account', description: "One's own account: docs/accounts.md" },
      { name: 'webhooks', description: 'Addresses that are told of events: docs/webhooks.md' },
      { name: 'pools', description: 'Batches of many producers, groups of them, and results: docs/pools.md' },
      { name: 'admin', description: "Everybody's accounts, for administrators" },
      { name: 'cluster', description: 'What the cluster is doing' },
      { name: 'pages', description: 'For people' }
    ],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'an access token of /api/login, or a key' },
        cookie: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'of a browser' }
      }
    }
  },
  transform: (document) => {
    const { schema: plain, url } = jsonSchemaTransform(document)
    const { bodyContent: content, permission } = document.route.config ?? {}
    const schema = permission === undefined ? plain : { ...plain, ...securityOf(permission) }
    if (content === undefined) return { schema, url }
    return {
      schema: { ...schema, consumes: Object.keys(content), body: Object.values(content)[0] },
      url
    }
  }
})

/** What the table of permissions says of a route, in the words of OpenAPI. */
function securityOf({ who, scope }: Permission): object {
  if (who === 'anyone' && scope === undefined) return {}
  const scopes = scope === undefined ? [] : [scope]
  const either = [{ bearer: scopes }, { cookie: [] }]
  return { security: who === 'anyone' ? [{}, ...either] : either }
}

/** How /openapi.json is made from the routes. */

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'

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
      { name: 'cluster', description: 'What the cluster is doing' },
      { name: 'pages', description: 'For people' }
    ]
  },
  transform: (document) => {
    const { schema, url } = jsonSchemaTransform(document)
    const content = document.route.config?.bodyContent
    if (content === undefined) return { schema, url }
    return {
      schema: { ...schema, consumes: Object.keys(content), body: Object.values(content)[0] },
      url
    }
  }
})

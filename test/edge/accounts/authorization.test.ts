/**
 * Who may do what, as one table: each route under /api/ and /file/, and what it answers to whom. It is walked over the routes that an edge really has: one that is missing here
 * fails, and so does a row without a route.
 *
 * To add a route, add its row to a table that TABLE spreads.
 */

import { fastify } from 'fastify'
import t from 'tap'
import { addPermissions } from '../../../src/edge/accounts/permissions.ts'
import type { App } from '../../../src/edge/context.ts'
import { startEdges } from '../edge-cluster.ts'
import { FILE_ROUTES } from '../files/file-routes.ts'
import { HISTORY_ROUTES } from '../history/history-routes.ts'
import { POOL_ROUTES } from '../pools/pool-routes.ts'
import { WEBHOOK_ROUTES } from '../webhooks/webhook-routes.ts'
import { ACCOUNT_ROUTES } from './account-routes.ts'
import { api } from './accounts-kit.ts'
import { COLUMNS, World } from './authorization-world.ts'
import type { Table } from './authorization-world.ts'

t.test('a route of the API that does not say who may call it does not start', async (t) => {
  const app = fastify() as unknown as App
  const nobody = { identify: async () => undefined }
  addPermissions(app, { accounts: nobody })
  app.get('/elsewhere', async () => 'x')
  for (const path of ['/api/x', '/file/:id', '/api'])
    t.throws(() => app.get(path, async () => 'x'), { code: 'internal' }, path)
})

const TABLE: Table = {
  ...ACCOUNT_ROUTES,
  ...FILE_ROUTES,
  ...HISTORY_ROUTES,
  ...WEBHOOK_ROUTES,
  ...POOL_ROUTES
}

t.test('every route answers everybody as the table says', async (t) => {
  const edges = await startEdges(t, {
    config: {
      account: { signInsPerMinute: 0, registrationsPerAddress: 0 },
      webhooks: { perUserMax: 100, testsPerMinute: 1000 },
      pools: { perUserMax: 10_000 }
    },
    resolveName: async () => []
  })
  const url = edges.url()
  const world = await World.make(edges)
  const routes = edges.edges[0]?.edge.permissions ?? []
  // HEAD is GET without the body, and stands in its row
  const known = routes
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url: path }) => `${method} ${path}`)
  t.same(known.toSorted(), Object.keys(TABLE).toSorted(), 'the routes are those of the table')

  for (const { method, url: pattern, permission } of routes) {
    const row = TABLE[`${method === 'HEAD' ? 'GET' : method} ${pattern}`]
    if (row === undefined) continue
    await t.test(`${method} ${pattern}`, async (t) => {
      for (const [index, column] of COLUMNS.entries()) {
        const expected = row.answers[index]
        const path = (await row.path?.(world)) ?? pattern
        const asked = {
          token: await world.credentials(column, permission, row.spends === true),
          ...(row.streams === true && { streams: true }),
          ...(row.body !== undefined && { body: await row.body(world, column) })
        }
        const { status, json, headers } = await api(url, `${method} ${path}`, asked)
        t.equal(status, expected, `${column}: ${JSON.stringify(json)}`)
        if (status < 400 || method === 'HEAD') continue
        t.match(headers.get('content-type'), 'application/problem+json')
        t.equal(json['error'], json['detail'], 'errors are JSON with `error`')
        const isRefusal =
          String(json['code']).startsWith('credentials-') || json['code'] === 'permission-denied'
        if (isRefusal) t.match(json['error'], 'client credentials invalid')
        if (status === 401) t.match(headers.get('www-authenticate'), /^Bearer /)
      }
    })
  }
})

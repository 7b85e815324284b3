/** A session that has ended is dead within a second: on every edge, and in the middle of what it had begun. */

import { Readable } from 'node:stream'
import cookie from '@fastify/cookie'
import { fastify } from 'fastify'
import t from 'tap'
import { actorOf } from '../../../src/edge/accounts/actor.ts'
import { openAccounts } from '../../../src/edge/accounts/open-accounts.ts'
import { addPermissions } from '../../../src/edge/accounts/permissions.ts'
import type { SessionWatch } from '../../../src/edge/accounts/session-watch.ts'
import type { App } from '../../../src/edge/context.ts'
import { until } from '../../kit/until.ts'
import { startEdges } from '../edge-cluster.ts'
import type { EdgeCluster } from '../edge-cluster.ts'
import { PASSWORD, api, newAdmin, newKey, register, signIn } from './accounts-kit.ts'

const LIMIT_MS = 1000

/** A server beside the edges with one route, which answers slowly for as long as its guard lets it. */
async function slowServer({
  cluster
}: EdgeCluster): Promise<{ app: App; url: string; sessions: SessionWatch }> {
  const { controller } = await cluster.client('edge')
  const { clock, logger, config } = cluster
  const { accounts, sessions } = openAccounts({ controller, clock, logger, config }, () => '')
  const app: App = fastify({ forceCloseConnections: true }) as unknown as App
  await app.register(cookie)
  addPermissions(app, { accounts })
  app.get(
    '/api/slow',
    { config: { permission: { who: 'user', scope: 'files:read' } } },
    async (request, reply) => {
      const guard = sessions.guard(actorOf(request))
      const body = new Readable({ read: () => undefined })
      const tick = setInterval(() => body.push('x'), 20)
      guard.signal.addEventListener('abort', () => body.destroy(new Error('the session has ended')))
      body.once('close', () => {
        clearInterval(tick)
        guard[Symbol.dispose]()
      })
      return reply.send(body)
    }
  )
  return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }), sessions }
}

interface Download {
  /** Resolves with how it went when it is over. */
  readonly over: Promise<'ended' | 'cut'>
  bytes: number
}

async function download(url: string, token: string): Promise<Download> {
  const answer = await fetch(`${url}/api/slow`, { headers: { authorization: `Bearer ${token}` } })
  if (answer.body === null || !answer.ok) throw new Error(`the download began with ${answer.status}`)
  const body = Readable.fromWeb(answer.body)
  const over = new Promise<'ended' | 'cut'>((resolve) => {
    body.once('end', () => resolve('ended')).once('error', () => resolve('cut'))
  })
  const state = { over, bytes: 0 }
  body.on('data', (piece: Uint8Array) => (state.bytes += piece.byteLength))
  return state
}

t.test('whatever ends a session ends it everywhere within a second, also in mid-download', async (t) => {
  const edges = await startEdges(t, { edges: 2, nodes: 1 })
  const slow = await slowServer(edges)
  t.teardown(async () => {
    await slow.sessions.stop()
    await slow.app.close()
  })
  const admin = await newAdmin(edges, 'admin')
  const first = edges.url(0)
  const ask = async (what: string, token: string, body?: object) => {
    const { status, json } = await api(first, what, { token, ...(body && { body }) })
    if (status !== 200) throw new Error(`${what}: ${status} ${JSON.stringify(json)}`)
  }
  const bystander = await download(slow.url, admin.token)

  const ends: Record<
    string,
    (user: { id: string; token: string; other: string; key: string }) => Promise<void>
  > = {
    'a logout': async ({ token }) => ask('POST /api/logout', token),
    'a new password': async ({ other }) =>
      ask('POST /api/me/password', other, { old_password: PASSWORD, new_password: PASSWORD }),
    'signing out everywhere else': async ({ other }) => ask('DELETE /api/me/sessions', other),
    'an administrator who disables the user': async ({ id }) =>
      ask(`PATCH /api/users/${id}`, admin.token, { state: 'disabled' }),
    'an administrator who sets the password': async ({ id }) =>
      ask(`POST /api/users/${id}/password`, admin.token, { new_password: PASSWORD })
  }
  for (const [index, [what, end]] of Object.entries(ends).entries()) {
    const name = `user ${index}`
    const user = await register(first, name)
    const other = await signIn(first, name)
    const key = await newKey(first, user.token, ['files:read'])
    // both edges have just heard that it is active
    for (const url of [edges.url(0), edges.url(1)])
      t.equal((await api(url, 'GET /api/validate', { token: user.token })).status, 200)
    const running = await download(slow.url, user.token)
    await until('bytes come', () => running.bytes > 0)
    const startedAt = performance.now()
    await end({ ...user, other, key })
    const endedAt = performance.now()
    t.equal(
      (await api(first, 'GET /api/validate', { token: user.token })).status,
      401,
      `${what}: at once on this edge`
    )
    t.equal(await running.over, 'cut', what)
    t.ok(performance.now() - endedAt < LIMIT_MS, `${what}: cut after ${performance.now() - endedAt} ms`)
    await until('the other edge knows', async () => {
      return (await api(edges.url(1), 'GET /api/validate', { token: user.token })).status === 401
    })
    t.ok(performance.now() - endedAt < LIMIT_MS, `${what}: known after ${performance.now() - startedAt} ms`)
  }
  t.ok(bystander.bytes > 0)
  const before = bystander.bytes
  await until('another download goes on', () => bystander.bytes > before)
})

t.test('a key that is revoked is dead as well', async (t) => {
  const edges = await startEdges(t, { edges: 1, nodes: 1 })
  const slow = await slowServer(edges)
  t.teardown(async () => {
    await slow.sessions.stop()
    await slow.app.close()
  })
  const user = await register(edges.url(), 'user')
  const key = await newKey(edges.url(), user.token, ['files:read'])
  const running = await download(slow.url, key)
  const { json } = await api(edges.url(), 'GET /api/me/keys', { token: user.token })
  const [{ key_id: id = '' } = {}] = json['keys'] as Array<{ key_id?: string }>
  await api(edges.url(), `DELETE /api/me/keys/${id}`, { token: user.token })
  const endedAt = performance.now()
  t.equal(await running.over, 'cut')
  t.ok(performance.now() - endedAt < LIMIT_MS)
})

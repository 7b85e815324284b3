/** Who may make an account, and how often somebody may try to sign in. */

import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { UserId } from '../../../src/types.ts'
import { startEdges } from '../edge-cluster.ts'
import { PASSWORD, api, newAdmin, register, signIn, textOf } from './accounts-kit.ts'

const NO_NODES = { nodes: 0 }

t.test('the first administrator is made with the secret of the terminal, once', async (t) => {
  const secrets: string[] = []
  const edges = await startEdges(t, {
    ...NO_NODES,
    config: { account: { registration: 'closed' } },
    onSetupSecret: (secret) => secrets.push(secret)
  })
  const url = edges.url()
  t.match((await api(url, 'GET /api/setup')).json, { needed: true })
  t.match((await api(url, 'GET /api/registration')).json, { mode: 'closed' })
  const ask = async (what: string, more: object) =>
    await api(url, `POST /api/${what}`, { body: { username: 'root', password: PASSWORD, ...more } })
  t.match(await ask('register', {}), { status: 403, json: { code: 'registration-closed' } })
  t.match(await ask('setup', { secret: 'guessed' }), { status: 403, json: { code: 'setup-invalid' } })
  t.match(await ask('setup', { secret: secrets[0], password: 'short' }), { status: 422 })
  const made = await ask('setup', { secret: secrets[0], cookie: true })
  t.match(made, { status: 201, json: { role: 'admin', username: 'root' } })
  t.match(made.headers.get('set-cookie'), /^peerbin_session=/)
  const again = await ask('setup', { secret: secrets[0], username: 'second' })
  t.match(again, { status: 403, json: { code: 'setup-invalid' } })
  t.match((await api(url, 'GET /api/setup')).json, { needed: false })
  const token = textOf(made, 'access_token')
  t.equal((await api(url, 'GET /api/users', { token })).status, 200)
})

t.test('where one has to be invited, an invitation is what it takes', async (t) => {
  const edges = await startEdges(t, { ...NO_NODES, config: { account: { registration: 'invited' } } })
  const url = edges.url()
  const { token } = await newAdmin(edges, 'admin')
  const ask = async (invite?: string) =>
    await api(url, 'POST /api/register', {
      body: { username: 'guest', password: PASSWORD, ...(invite !== undefined && { invite }) }
    })
  t.match(await ask(), { status: 403, json: { code: 'invite-needed' } })
  t.match(await ask('guessed'), { status: 403, json: { code: 'invite-invalid' } })
  const made = await api(url, 'POST /api/invites', { token, body: {} })
  const withdrawn = await api(url, 'POST /api/invites', { token, body: {} })
  const id = textOf(withdrawn, 'invite_id')
  t.equal((await api(url, `DELETE /api/invites/${id}`, { token })).status, 200)
  t.match(await ask(textOf(withdrawn, 'invite')), { status: 403, json: { code: 'invite-invalid' } })
  t.match(await ask(textOf(made, 'invite')), { status: 201, json: { role: 'user' } })
})

t.test('attempts are limited for each name over all edges, and for each address at each edge', async (t) => {
  const edges = await startEdges(t, {
    ...NO_NODES,
    edges: 2,
    config: {
      account: { signInsPerMinute: 12, signInAttempts: 3 },
      edge: { port: 0, trustedProxies: ['127.0.0.1'] }
    }
  })
  await register(edges.url(), 'ada')
  const attempt = async (name: string, password: string, edge = 0, address = '192.0.2.1') =>
    await api(edges.url(edge), 'POST /api/login', {
      body: { username: name, password },
      headers: { 'x-forwarded-for': address }
    })
  for (let i = 0; i < 3; i++)
    t.match(await attempt('ada', 'a wrong password', i % 2, `192.0.2.${i}`), { status: 401 })
  const refused = await attempt('ADA', PASSWORD, 1, '192.0.2.9')
  t.match(refused, { status: 429, json: { code: 'login-attempts', error: String } }, 'not even the right one')
  t.ok(Number(refused.headers.get('retry-after')) > 60)
  for (let i = 0; i < 3; i++) t.match(await attempt('nobody', 'a wrong password'), { status: 401 })
  t.match(await attempt('nobody', 'a wrong password'), { status: 429 }, 'as for a name that nobody has')

  const statuses: number[] = []
  for (let i = 0; i < 13; i++) statuses.push((await attempt('x', 'short', 0, '192.0.2.50')).status)
  t.same(statuses, [...Array<number>(12).fill(401), 429])
  const many = await attempt('x', 'short', 0, '192.0.2.50')
  t.match(many, { json: { code: 'too-many-sign-ins' } })
  t.match(many.headers.get('retry-after'), /^\d+$/)
  t.equal((await attempt('x', 'short', 0, '192.0.2.51')).status, 401, 'another address')
})

t.test('a password that was hashed at another cost is hashed anew when its user signs in', async (t) => {
  const edges = await startEdges(t, NO_NODES)
  const [edge] = edges.edges
  const operator = await edges.cluster.client('admin')
  const cost = { memoryKiB: 256, passes: 2, parallelism: 1 }
  const password = await edge?.passwords.record(PASSWORD, undefined, undefined, cost)
  if (edge === undefined || password === undefined) throw new Error('there is no edge')
  await operator.controller.call('createAdmin', { id: randomUUID() as UserId, name: 'old', password })
  const asked = async () =>
    (await edge.participant.controller.call('signInChallenge', { name: 'old' })).challenge.memoryKiB
  t.equal(await asked(), 256)
  const body = { username: 'old', password: 'a wrong password' }
  t.equal((await api(edges.url(), 'POST /api/login', { body })).status, 401)
  t.equal(await asked(), 256)
  t.ok(await signIn(edges.url(), 'old'))
  t.equal(await asked(), 128)
  t.ok(await signIn(edges.url(), 'old'))
})

/** Events of a pool over HTTP and over the socket: who is told what, and who is cut off. */

import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../../kit/until.ts'
import { api, register } from '../accounts/accounts-kit.ts'
import type { User } from '../accounts/accounts-kit.ts'
import { startEdges } from '../edge-cluster.ts'
import { codeOf } from '../files/files-kit.ts'
import { adasPool } from '../pool-events-kit.ts'
import { SocketClient } from '../socket/socket-kit.ts'
import { listen } from './listen-kit.ts'

const setUp = async (t: Test) => await adasPool(await startEdges(t, { config: { edge: { port: 0 } } }))

const typesOf = (events: ReadonlyArray<{ readonly type: string }>): string[] => events.map(({ type }) => type)

t.test('over HTTP each is told what their role lets them have, and the removed are cut off', async (t) => {
  const { url, pool, path, ada, join, rename, remove, change, drop } = await setUp(t)
  const lea = await join('lea', 'listener')
  const sam = await join('sam', 'server')
  const eve = await register(url, 'eve')
  t.equal(codeOf(await api(url, `GET ${path}`, { token: eve.token, streams: true })), '404 pool-unknown')
  t.equal(codeOf(await api(url, `GET ${path}`, { streams: true })), '401 credentials-missing')
  const none = await api(url, 'GET /api/pools/nonsense/events', { token: ada.token, streams: true })
  t.equal(codeOf(none), '404 pool-unknown')
  const [owner, listener, server] = [
    await listen(t, url, ada, { path }),
    await listen(t, url, lea, { path }),
    await listen(t, url, sam, { path })
  ]
  await rename('other')
  const bob = await join('bob', 'producer')
  await until('the owner has both', () => owner.events.length === 2)
  t.match(owner.events[0], { type: 'pool.changed', owner: null, pool, data: { name: 'other' } })
  await until('so has the server', () => server.events.length === 2)
  await change(lea, 'server')
  await remove(bob)
  await until('from then on the listener is told of others', () => listener.events.length === 3)
  t.same(typesOf(listener.events), ['pool.changed', 'member.changed', 'member.removed'])
  await remove(lea)
  await until('whoever is removed is cut off', () => listener.state.isOver)
  t.match(listener.events.at(-1), { type: 'member.removed', subject: lea.id })
  t.equal(codeOf(await api(url, `GET ${path}`, { token: lea.token, streams: true })), '404 pool-unknown')
  await drop()
  await until('a pool that is deleted ends its streams', () => owner.state.isOver && server.state.isOver)
  t.equal(owner.events.at(-1)?.type, 'pool.deleted')
  t.equal(server.events.at(-1)?.type, 'pool.deleted')
})

t.test('pages of a pool go on from a cursor, and are filtered by what one is now', async (t) => {
  const { url, path, ada, join, rename } = await setUp(t)
  const lea = await join('lea', 'listener')
  await join('bob', 'producer')
  await rename('other')
  const page = async ({ token }: User, query: string) =>
    (await api(url, `GET ${path}?format=json&${query}`, { token })).json as unknown as {
      events: Array<{ type: string; subject: string; cursor: string }>
      cursor: string
    }
  const all = await page(ada, 'after=start')
  t.equal(all.events.at(-1)?.type, 'pool.changed')
  const hers = await page(lea, 'after=start')
  t.same(
    hers.events.filter(({ type }) => type.startsWith('member.')).map(({ subject }) => subject),
    [lea.id],
    'of members only herself'
  )
  t.equal(hers.cursor, all.cursor, 'and the place is that of the stream')
  await rename('again')
  t.same(typesOf((await page(lea, `after=${hers.cursor}`)).events), ['pool.changed'])
  const own = await api(url, 'GET /api/events?format=json&after=start', { token: lea.token })
  t.notMatch(JSON.stringify(own.json), 'pool.changed', 'nothing of it is among one’s own')
})

t.test('over the socket a pool is subscribed to, and left', async (t) => {
  const { url, pool, ada, join, rename, remove } = await setUp(t)
  const lea = await join('lea', 'listener')
  const [owner, listener] = await Promise.all(
    [ada, lea].map(async ({ token }) => {
      const client = await SocketClient.connect(url, token, { events: false })
      t.teardown(() => client.socket.terminate())
      return client
    })
  )
  if (owner === undefined || listener === undefined) throw new Error('they did not connect')
  const ask = async (client: SocketClient, message: object) => await client.ask({ pool, ...message })
  const begun = await ask(listener, { type: 'subscribe' })
  t.match(begun, { type: 'subscribed', pool, cursor: String })
  t.match(await ask(owner, { type: 'subscribe', types: ['pool.changed'] }), { type: 'subscribed' })
  t.match(await ask(owner, { type: 'subscribe' }), { code: 'bad-request' }, 'not twice')
  t.match(await ask(owner, { type: 'subscribe', pool: randomUUID() }), { code: 'pool-unknown' })
  t.match(await ask(owner, { type: 'subscribe', types: ['x'] }), { code: 'bad-request' })
  await rename('other')
  const told = (client: SocketClient) => client.messages.filter(({ type }) => type === 'event')
  await until('both are told', () => told(listener).length === 1 && told(owner).length === 1)
  t.match(told(listener)[0], { pool, event: { type: 'pool.changed', pool, owner: null } })
  t.same(told(listener)[0], told(owner)[0])
  await remove(lea)
  await until('it is over', () => listener.messages.some(({ type }) => type === 'unsubscribed'))
  t.match(told(listener).at(-1), { event: { type: 'member.removed', subject: lea.id } })
  t.match(listener.messages.at(-1), { type: 'unsubscribed', pool, code: 'pool-unknown' })
  t.match(await ask(listener, { type: 'subscribe', after: begun['cursor'] }), { code: 'pool-unknown' })
  t.match(await listener.ask({ type: 'alive' }), { type: 'alive' }, 'the socket lives')
  t.match(await ask(owner, { type: 'unsubscribe' }), { type: 'unsubscribed', pool })
  await rename('once more')
  t.match(await ask(owner, { type: 'subscribe', after: begun['cursor'] }), { type: 'subscribed' })
  await until('it goes on where it wants', () => told(owner).length >= 3)
})

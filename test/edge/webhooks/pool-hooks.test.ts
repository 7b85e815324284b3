/** Webhooks of a pool: for its owners and servers, and for as long as they are that. */

import t from 'tap'
import { until } from '../../kit/until.ts'
import { api, register, textOf } from '../accounts/accounts-kit.ts'
import type { User } from '../accounts/accounts-kit.ts'
import { startEdges } from '../edge-cluster.ts'
import { codeOf } from '../files/files-kit.ts'
import { adasPool } from '../pool-events-kit.ts'
import { startReceiver, verified } from './receiver.ts'

t.test('a pool is told to owners and servers, and no more to who is that no more', async (t) => {
  const edges = await startEdges(t, {
    config: { edge: { port: 0 }, webhooks: { allow: ['127.0.0.1'], leaseMs: 1500 } }
  })
  const { url, pool, ada, join, rename, change, remove } = await adasPool(edges)
  const receivers = await Promise.all(['ada', 'sam'].map(async () => await startReceiver(t)))
  const [ofAda, ofSam] = receivers
  if (ofAda === undefined || ofSam === undefined) throw new Error('there are no receivers')
  const add = async ({ token }: User, target: string, fields: object = {}) =>
    await api(url, 'POST /api/webhooks', { token, body: { url: target, pool, ...fields } })
  const look = async ({ token }: User, id: string) => await api(url, `GET /api/webhooks/${id}`, { token })

  const lea = await join('lea', 'listener')
  const sam = await join('sam', 'server')
  const eve = await register(url, 'eve')
  t.equal(codeOf(await add(lea, ofAda.url)), '403 permission-denied')
  t.equal(codeOf(await add(eve, ofAda.url)), '404 pool-unknown')
  t.equal(codeOf(await add(ada, ofAda.url, { pool: 'none' })), '404 pool-unknown')

  const hook = await add(ada, ofAda.url)
  t.match(hook.json, { pool, state: 'enabled' })
  const sams = textOf(await add(sam, ofSam.url), 'webhook_id')
  await rename('other')
  await until('both are told', () => receivers.every(({ received }) => received.length === 1))
  const [told] = ofAda.received
  if (told === undefined) throw new Error('nothing was told')
  t.match(verified(textOf(hook, 'secret'), told), { type: 'pool.changed', pool, owner: null })

  await change(sam, 'producer')
  await rename('again')
  await until('the owner is told', () => ofAda.received.length === 3)
  await until('his is disabled', async () => (await look(sam, sams)).json['state'] === 'disabled')
  t.equal(ofSam.received.length, 1, 'and he was told nothing since, not even of his change')
  const enabling = { token: sam.token, body: { state: 'enabled' } }
  t.equal(codeOf(await api(url, `PATCH /api/webhooks/${sams}`, enabling)), '403 permission-denied')
  const replaying = { token: sam.token, body: { after: hook.json['cursor'] } }
  t.equal(codeOf(await api(url, `POST /api/webhooks/${sams}/replay`, replaying)), '403 permission-denied')

  await remove(sam)
  t.equal(codeOf(await look(sam, sams)), '404 webhook-unknown', 'it goes with the membership')
})

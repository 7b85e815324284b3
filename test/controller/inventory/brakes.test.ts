/** The collector's brakes: large sweeps wait for an operator, and a frozen collector deletes nothing at all. */

import t from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { isSuspicious } from '../../../src/controller/inventory/sweep.ts'
import { SETTINGS } from '../../../src/controller/settings.ts'
import type { PeerId } from '../../../src/types.ts'
import { overEachStore } from '../cluster.ts'
import type { Participant } from '../world.ts'
import { startStock } from './stock.ts'
import type { Stock } from './stock.ts'

const SMALL_SWEEPS: ConfigInput = {
  inventory: { intervalMs: 3000, quarantineMs: 1000, sweepMax: 3, sweepShare: 10 }
}

/** An operator at work. */
async function operator({ world }: Stock) {
  const admin: Participant = await world.addCaller('admin')
  return async (action: 'freeze' | 'resume' | 'approve', at: Participant, peer?: PeerId): Promise<void> => {
    await world.control(admin, at, 'collector', { action, ...(peer !== undefined && { peer }) })
  }
}

const plantMany = async (stock: Stock, index: number, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await stock.plant(index, `unknown ${index} ${i}`)
}

t.test('a sweep is suspicious when it is large by number and by share', async (t) => {
  const limits = { sweepMax: 1000, sweepShare: 10 }
  t.notOk(isSuspicious(1000, 1000, limits), 'few, though all there are')
  t.notOk(isSuspicious(2000, 20_000, limits), 'many, but a small share')
  t.ok(isSuspicious(2001, 20_000, limits))
  t.ok(isSuspicious(1001, 1001, limits))
})

overEachStore(
  t,
  'a large sweep waits until an operator approves of it, and only that one',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore, config: SMALL_SWEEPS })
    const { world, sender, controller, node, held } = stock
    const decide = await operator(stock)
    await sender.send()
    await plantMany(stock, 0, 8)
    await plantMany(stock, 1, 2)
    await world.until('the large one is held', async () => (await held(0)) === 8)
    await world.until('the small one is done', async () => (await node(1).store.usage()).chunks === 3)
    await world.pass(8000)
    t.equal((await node(0).store.usage()).chunks, 11, 'nothing of it is deleted, however often it is seen')

    await t.rejects(decide('approve', controller), { code: 'bad-request' })
    await t.rejects(decide('approve', controller, node(1).peer), { code: 'bad-request' })
    await decide('approve', controller, node(0).peer)
    await world.until('it is deleted', async () => (await node(0).store.usage()).chunks === 3)
    await world.until('nothing is held', async () => (await held(0)) === undefined)

    await plantMany(stock, 0, 9)
    await world.until('the next one is held again', async () => (await held(0)) === 9)
    await world.pass(6000)
    t.equal((await node(0).store.usage()).chunks, 12)
  }
)

t.test('an approval is for as many as the operator saw, not for a flood that comes after', async (t) => {
  const stock = await startStock(t, { config: SMALL_SWEEPS })
  const { world, sender, controller, node, held } = stock
  const decide = await operator(stock)
  await sender.send()
  await plantMany(stock, 0, 5)
  await world.until('it is held', async () => (await held(0)) === 5)
  await plantMany(stock, 0, 20)
  await decide('approve', controller, node(0).peer)
  await world.until('the flood is seen', async () => (await held(0)) === 20)
  await world.pass(6000)
  t.equal((await node(0).store.usage()).chunks, 23)
})

overEachStore(
  t,
  'a frozen collector deletes nothing at all, over restarts too, and goes on when it is let',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore, config: SMALL_SWEEPS })
    const { world, sender, controller, node, gone, copies } = stock
    const decide = await operator(stock)
    const sent = await sender.send()
    const other = await sender.send()
    await stock.compared()
    const unknown = await stock.plant(0, 'nobody knows it')
    // one delete is an order already when the freeze comes, the other is not condemned yet
    const deaf = node(2)
    world.hub.cut(controller.peer, deaf.peer)
    await sender.call('revokeLink', sent)
    await world.until(
      'its order stands',
      async () => (await controller.store.listOrders(deaf.peer, 10)).length === 3
    )
    await decide('freeze', controller)
    world.hub.heal(controller.peer, deaf.peer)
    await sender.call('revokeLink', other)
    await world.pass(6000)
    t.match(await sender.call('status', {}), { collector: { frozen: 'an operator froze it', unknown: 1 } })

    const { peer, store } = controller
    await world.stop(controller)
    const again = await world.addController(store, { peer })
    sender.controller = again
    await world.pass(8000)
    t.match(await sender.call('status', {}), { collector: { frozen: 'an operator froze it' } })
    t.ok(await deaf.holds(sent.file.manifest), 'an order that stood is not sent')
    for (const chunk of other.chunks) t.equal(await copies(chunk), 3, 'nothing is condemned')
    t.ok(await node(0).holds(unknown), 'nothing is swept')
    t.equal((await store.listOrders(deaf.peer, 10)).length, 3)

    await decide('resume', again)
    await gone([...sent.chunks, ...other.chunks, unknown])
    t.match(await sender.call('status', {}), { collector: { frozen: null } })
    t.equal(await store.readSetting(SETTINGS.frozen), null)
  }
)

t.test('a collector that was frozen by a recovery stays so for that reason', async (t) => {
  const stock = await startStock(t)
  const { world, sender, controller, makeStore } = stock
  const decide = await operator(stock)
  await world.stop(controller)
  const store = makeStore()
  await store.open()
  await store.writeSetting(SETTINGS.frozen, 'recovered from snapshots')
  const again = await world.addController(store)
  sender.controller = again
  await decide('freeze', again)
  t.match(await sender.call('status', {}), { collector: { frozen: 'recovered from snapshots' } })
})

/** Deletes and uploads of the same bytes at the same time, on real nodes, with chance deciding what comes first. */

import t from 'tap'
import { failpoints } from '../../src/runtime/failpoints.ts'
import type { FailpointName } from '../../src/runtime/failpoints.ts'
import { sleep } from '../../src/runtime/deadline.ts'
import type { Generation } from '../../src/types.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { overEachStore } from './cluster.ts'
import { countingStore, startStock } from './inventory/stock.ts'

const ROUNDS = 24
/** Between these any of the others may come. */
const POINTS: FailpointName[] = [
  'chunk.put.beforeReceipt',
  'chunk.delete.beforeStore',
  'chunk.delete.afterStore',
  'orders.beforeConfirm',
  'upload.reserve.afterCommit',
  'upload.commit.beforeStore',
  'link.revoke.afterStore'
]

overEachStore(
  t,
  'equal bytes in two files: deleting one leaves the other whole, whatever comes first',
  async (t, makeStore) => {
    const { world, sender, copies, gone, controller } = await startStock(t, { makeStore })
    const random = seededRandom(11)
    for (const name of POINTS) {
      const run = async (): Promise<void> => {
        if (random.fraction() < 0.7) await sleep(world.clock, Math.floor(random.fraction() * 60))
      }
      failpoints.arm(name, { kind: 'run', run })
    }
    t.teardown(() => failpoints.disarmAll())
    const reused = new Set<boolean>()
    for (let round = 0; round < ROUNDS; round++) {
      const content = [`shared ${round}`, `also shared ${round}`]
      const first = await sender.send({ content })
      const before = (await controller.store.lastGeneration()) as number
      const early = random.fraction() < 0.5 ? await sender.prepare({ content }) : undefined
      await sender.call('revokeLink', first)
      await world.pass(Math.floor(random.fraction() * 250))
      const { commit, chunks } = early ?? (await sender.prepare({ content }))
      await sender.call('commitUpload', commit)
      reused.add(((await controller.store.lastGeneration()) as number) - before < 3)
      await world.pass(1500)
      for (const chunk of chunks) {
        t.ok((await copies(chunk)) >= 2, `round ${round}: the second file keeps its chunks`)
        t.ok(await controller.store.findChunk(chunk))
      }
      await sender.call('revokeLink', commit.link)
      if (round % 8 === 7) await gone(chunks)
    }
    t.equal(reused.size, 2, 'sometimes the upload came first, and sometimes the delete')
  }
)

overEachStore(
  t,
  'what was deleted stays deleted when a node comes back with an old disk',
  async (t, makeStore) => {
    const config = { inventory: { intervalMs: 60_000, quarantineMs: 3000 } }
    const stock = await startStock(t, { makeStore, config })
    const { world, sender, gone, copies } = stock
    const sent = await sender.send()
    const kept = await sender.send()
    await stock.compared()
    const { store: image } = await countingStore(world)
    const { store } = stock.node(2)
    for (const { id, generation } of await store.list({ limit: 100 }))
      await image.put(id, await store.get(id), generation)
    await sender.call('revokeLink', sent)
    await gone(sent.chunks)
    await world.until(
      'no order stands',
      async () => (await stock.controller.store.listOrderPeers()).length === 0
    )

    await stock.restart(2, { store: image })
    t.ok(await image.stat(sent.file.manifest), 'the old disk has it all')
    await stock.compared()
    t.match(await sender.call('findLink', { tokenHash: sent.tokenHash }), {
      found: { link: { state: 'revoked' } }
    })
    t.same(await sender.call('listFileChunks', { file: sent.file.id, from: 0, limit: 10 }), { chunks: [] })
    const { present } = await sender.place(await sender.open(), 0, 'something else')
    t.notOk(present)
    await gone(sent.chunks)
    for (const chunk of kept.chunks) t.equal(await copies(chunk), 3)
  }
)

overEachStore(
  t,
  'a node that was away gets its orders when its inventory was compared',
  async (t, makeStore) => {
    const stock = await startStock(t, { makeStore })
    const { world, controller, sender, nodes } = stock
    const sent = await sender.send()
    await stock.compared()
    const away = stock.node(2)
    await world.crash(away)
    nodes.pop()
    await sender.call('revokeLink', sent)
    await world.until(
      'its orders stand',
      async () => (await controller.store.listOrders(away.peer, 10)).length === 3
    )
    await world.pass(5000)
    let orders = 0
    let inventories = 0
    const { chunkRpc } = controller
    const call = chunkRpc.call.bind(chunkRpc)
    chunkRpc.call = async (peer, op, ...rest) => {
      if (peer === away.peer && op === 'inventory') inventories++
      if (peer === away.peer && op === 'delete' && orders++ === 0) t.equal(inventories, 1, 'not before')
      return await call(peer, op, ...rest)
    }
    nodes.push(await world.addNode('h3', { peer: away.peer, store: away.store }))
    await world.until(
      'it has carried them out',
      async () => (await controller.store.listOrderPeers()).length === 0
    )
    t.ok(orders > 0)
    t.equal(await stock.copies(sent.file.manifest), 0)
  }
)

t.test(
  'a copy that came too late is deleted, and never at a greater generation than was given out',
  async (t) => {
    const stock = await startStock(t)
    const { world, sender, controller } = stock
    const { chunks } = await sender.send()
    const [chunk] = chunks
    if (chunk === undefined) return
    await stock.compared()
    const { peer, boot } = stock.node(0)
    const foreign = { peer, host: 'h1', chunk, generation: 1_000_000 as Generation, boot }
    await sender.call('recordReceipts', { receipts: [foreign] })
    await world.pass(2000)
    t.same(await controller.store.listOrderPeers(), [])
    t.equal(await stock.copies(chunk), 3)
  }
)

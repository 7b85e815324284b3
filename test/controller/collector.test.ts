/** What must go goes, wherever it is; what is needed stays, whatever order things happen in. */

import t from 'tap'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { DeleteOrder } from '../../src/metadata-store.ts'
import { overEachStore, startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import type { NodeParticipant } from './world.ts'

function nodeOf({ nodes }: Cluster, index: number): NodeParticipant {
  const node = nodes[index]
  if (node === undefined) throw new Error(`there is no node ${index}`)
  return node
}

overEachStore(t, 'chunks of an upload that was given up vanish', async (t, makeStore) => {
  const { sender, copies, gone } = await startCluster(t, { makeStore })
  const upload = await sender.open()
  const { chunk, receipts } = await sender.place(upload, 0, 'half a file')
  await sender.call('recordReceipts', { receipts })
  t.equal(await copies(chunk), 3)
  t.same(await sender.call('abandonUpload', { upload }), { abandoned: true })
  await gone([chunk])
  await t.rejects(sender.place(upload, 1, 'more of it'), { code: 'upload-closed' })
})

t.test('an upload whose edge never came back is given up, and its chunks vanish', async (t) => {
  const { sender, gone } = await startCluster(t)
  const upload = await sender.open()
  const { chunk, receipts } = await sender.place(upload, 0, 'left behind')
  await sender.call('recordReceipts', { receipts })
  await gone([chunk])
  await t.rejects(sender.place(upload, 1, 'too late'), { code: 'upload-closed' })
})

t.test('an upload that goes on is not given up, however long it takes', async (t) => {
  const { world, sender } = await startCluster(t)
  const upload = await sender.open()
  for (let index = 0; index < 4; index++) {
    await world.pass(15_000) // of the 20 seconds that it may stand still
    await sender.place(upload, index, `piece ${index}`)
  }
  await world.pass(25_000)
  await t.rejects(sender.place(upload, 4, 'too late'), { code: 'upload-closed' })
})

t.test('a receipt that comes after its upload was given up has the copy deleted', async (t) => {
  const { world, sender, copies, gone } = await startCluster(t)
  const upload = await sender.open()
  const { chunk, receipts } = await sender.place(upload, 0, 'slow')
  await sender.call('abandonUpload', { upload })
  await world.pass(2000)
  await sender.call('recordReceipts', { receipts })
  await gone([chunk])
  t.equal(await copies(chunk), 0)
})

overEachStore(
  t,
  'a node that was away during a delete gets its order when it returns',
  async (t, makeStore) => {
    const cluster = await startCluster(t, { makeStore })
    const { world, controller, sender, gone, nodes } = cluster
    const away = nodeOf(cluster, 2)
    const sent = await sender.send()
    await world.crash(away)
    await world.pass(4000)
    nodes.pop()
    await sender.call('revokeLink', sent)
    await gone(sent.chunks)
    await world.pass(5000)
    t.same(await controller.store.listOrderPeers(), [away.peer], 'its orders wait')

    const back = await world.addNode('h3', { peer: away.peer, store: away.store })
    t.ok(await back.holds(sent.file.manifest), 'it has come back with everything')
    nodes.push(back)
    await gone(sent.chunks)
    await world.until(
      'no orders are left',
      async () => (await controller.store.listOrderPeers()).length === 0
    )
  }
)

overEachStore(t, 'bytes uploaded again while their delete is on its way survive it', async (t, makeStore) => {
  const cluster = await startCluster(t, { makeStore })
  const { world, controller, sender, nodes, copies } = cluster
  const first = await sender.send({ content: ['the same bytes'] })
  const chunk = chunkIdOf(Buffer.from('the same bytes'))

  // the chunk is condemned while one node does not hear
  const deaf = nodeOf(cluster, 2)
  deaf.silent = true
  await world.pass(1500)
  await sender.call('revokeLink', first)
  await world.until('two copies are gone', async () => (await copies(chunk)) === 1)
  t.ok((await controller.store.listOrders(deaf.peer, 10)).some((order) => order.chunk === chunk))

  // uploaded again, with a copy on that node too, before its old order can reach it
  const again = await sender.prepare({ content: ['the same bytes'] })
  await world.until('all three hold it again', async () => (await copies(chunk)) === 3)
  deaf.silent = false
  await world.until('the order was taken', async () => (await controller.store.listOrderPeers()).length === 0)
  t.equal(await copies(chunk), 3)
  const { file } = await sender.call('commitUpload', again.commit)
  const { chunks } = await sender.call('listFileChunks', { file: file.id, from: 0, limit: 1 })
  t.equal(chunks[0]?.copies.length, 3)
  t.equal(nodes.length, 3)
})

t.test('orders that match nothing any more do not hold up the others', async (t) => {
  const cluster = await startCluster(t, { config: { controller: { batchMax: 2 } } })
  const { world, controller, sender, gone, copies } = cluster
  const slow = nodeOf(cluster, 2)
  const content = ['one', 'two', 'three', 'four']
  const first = await sender.send({ content })
  const other = await sender.send()
  slow.silent = true
  await world.pass(1500)
  await sender.call('revokeLink', first)
  await sender.call('revokeLink', other)
  await world.until('the others are done', async () => {
    const peers = await controller.store.listOrderPeers()
    return peers.length === 1 && peers[0] === slow.peer && (await copies(other.file.manifest)) === 1
  })
  const again = await sender.send({ content })
  slow.silent = false
  await gone(other.chunks)
  await world.until('no orders are left', async () => (await controller.store.listOrderPeers()).length === 0)
  for (const chunk of again.chunks) t.equal(await copies(chunk), 3)
})

t.test('what was deleted does not count as present when it is uploaded again', async (t) => {
  const { sender, gone, copies } = await startCluster(t)
  const sent = await sender.send({ content: ['here and gone'] })
  await sender.call('revokeLink', sent)
  await gone(sent.chunks)
  const upload = await sender.open()
  const { present, chunk } = await sender.place(upload, 0, 'here and gone')
  t.notOk(present)
  t.ok((await copies(chunk)) >= 2)
})

t.test('many chunks go in pages', async (t) => {
  const { sender, gone, controller } = await startCluster(t, { config: { controller: { batchMax: 3 } } })
  const sent = await sender.send({ content: Array.from({ length: 20 }, (_, index) => `piece ${index}`) })
  await sender.call('revokeLink', sent)
  await gone(sent.chunks)
  const orders: DeleteOrder[] = []
  for (const peer of await controller.store.listOrderPeers()) {
    orders.push(...(await controller.store.listOrders(peer, 100)))
  }
  t.ok(orders.length <= 9, 'at most the last page of each node is not confirmed yet')
})

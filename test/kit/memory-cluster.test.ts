import t from 'tap'
import { putChunk, someChunk } from '../node/put-chunk.ts'
import { MemoryCluster } from './memory-cluster.ts'
import { until } from './until.ts'

t.test(
  'a cluster in memory has a leading controller that learns of nodes, and stops without a rest',
  async (t) => {
    const cluster = await MemoryCluster.start({ nodes: 3 })
    t.teardown(() => cluster.stop())
    t.ok(cluster.controller.term > 0)
    const edge = await cluster.client()
    const status = await edge.controller.call('status', {})
    t.equal(status.term, cluster.controller.term)
    await until('the controller records three nodes', async () => {
      const { nodes } = await edge.controller.call('status', {})
      return nodes.filter((node) => node.liveness === 'active').length === 3
    })
    const late = await cluster.addNode()
    await cluster.meet()
    const answer = await putChunk(edge, late, someChunk(1000), { targets: cluster.targets(0, 1) })
    t.ok(answer.receipts.length >= 2)
    await cluster.remove(edge)
    await cluster.stop()
    await cluster.stop()
  }
)

t.test('a node is started again as itself, with what it had or with an empty disk', async (t) => {
  const cluster = await MemoryCluster.start({ nodes: 2, controller: 'recording' })
  t.teardown(() => cluster.stop())
  const edge = await cluster.client()
  const first = cluster.node(0)
  const chunk = someChunk(1000)
  await putChunk(edge, first, chunk, { targets: cluster.targets(1), copies: 2 })
  const { boot } = first.announcer
  for (const options of [{}, { crash: true }]) {
    const again = await cluster.restartNode(0, options)
    t.equal(again.peer, first.peer)
    t.ok(again.announcer.boot > boot)
    t.ok(await again.store.stat(chunk.id))
    t.equal(edge.membership.get(first.peer)?.boot, again.announcer.boot)
  }
  const wiped = await cluster.restartNode(0, { wiped: true })
  t.equal(wiped.peer, first.peer)
  t.equal(await wiped.store.stat(chunk.id), undefined)
  const put = await putChunk(edge, wiped, chunk, { targets: cluster.targets(1), copies: 2 })
  t.equal(put.receipts.length, 2)
})

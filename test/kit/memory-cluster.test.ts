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

/** The whole way of a node out of the cluster, with everybody's own heartbeats. */

import t from 'tap'
import { MemoryCluster } from '../../kit/memory-cluster.ts'
import { until } from '../../kit/until.ts'

t.test('a node that is emptied and retired hears of it, and nobody listens to it any more', async (t) => {
  const cluster = await MemoryCluster.start({
    nodes: 4,
    config: { heartbeat: { suspectAfterMs: 2000 }, replication: { putTimeoutMs: 500 } }
  })
  t.teardown(() => cluster.stop())
  const admin = await cluster.client('admin')
  const leaving = cluster.node(3)
  const drain = async (): Promise<unknown> =>
    (await cluster.controller.status()).nodes.find(({ peer }) => peer === leaving.peer)?.drain
  await admin.controller.call('drainNode', { peer: leaving.peer, draining: true })
  const seen = cluster.node(0).membership
  await until('others see that it takes no chunks', () => seen.get(leaving.peer)?.state === 'draining')
  await until(
    'it is safe',
    async () => (await drain()) !== null && JSON.stringify(await drain()).includes('"safe":true')
  )

  await admin.controller.call('retireNode', { peer: leaving.peer, force: false })
  await until('it takes nothing any more', async () => (await leaving.node.describe()).state === 'read-only')
  await until('nobody lists it', () => seen.get(leaving.peer) === undefined)
  await until('and nobody is connected to it', () => leaving.network.connected().length === 0)
  const status = await cluster.controller.status()
  t.equal(status.nodes.length, 3)
  t.match(await cluster.controller.describe(), { retired: [leaving.peer] })
})

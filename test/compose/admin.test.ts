import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { withAdmin } from '../../src/compose/admin.ts'
import { newClusterKey, parseJoinString, writeClusterKey } from '../../src/compose/cluster-key.ts'
import { createCluster } from '../../src/index.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { Address } from '../../src/types.ts'
import { testFolder } from '../kit/test-folder.ts'

const never = async (): Promise<never> => {
  throw new Error('no admin may get here')
}

t.test('an admin of a home finds the controller, asks it, and leaves', async (t) => {
  const cluster = await createCluster({ network: 'libp2p', nodes: 2, config: { edge: { port: 0 } } })
  t.teardown(() => cluster.stop())
  await cluster.start()
  const key = parseJoinString(cluster.joinString)
  const home = testFolder(t)
  await writeClusterKey(home, key)
  const status = await withAdmin(home, {}, (admin) => admin.controller.call('status', {}))
  t.equal(status.term, cluster.controller.term)

  t.test('by what a role of the home remembers, when the join string leads nowhere', async (t) => {
    const lost = testFolder(t)
    await writeClusterKey(lost, { ...key, addresses: ['/ip4/127.0.0.1/tcp/1' as Address] })
    await mkdir(join(lost, 'node'))
    await t.rejects(withAdmin(lost, { findMs: 300 }, never), { code: 'no-controller' })
    const [node] = cluster.nodes
    const value = { [node?.peerId ?? '']: node?.addresses }
    await writeFile(join(lost, 'node', 'peers.json'), JSON.stringify({ version: 1, value }))
    t.equal(await withAdmin(lost, {}, async (admin) => admin.leader()), cluster.controller.peerId)
  })

  t.test('by addresses that were given', async (t) => {
    const options = { join: { ...key, addresses: [] }, peers: cluster.nodes[1]?.addresses }
    t.equal(
      await withAdmin(testFolder(t), options, async (admin) => admin.leader()),
      cluster.controller.peerId
    )
  })

  t.test('the error of its work comes out, and it has left by then', async (t) => {
    await t.rejects(
      withAdmin(home, {}, async () => {
        throw new Error('as it happens')
      }),
      { message: 'as it happens' }
    )
  })
})

t.test('an admin of no cluster, of two, or of one that is silent is told so', async (t) => {
  const home = testFolder(t, { mine: {} })
  const findMs = 200
  await t.rejects(withAdmin(home, { findMs }, never), { code: 'join-string-invalid', message: /no cluster/ })
  const mine = join(home, 'mine')
  await writeClusterKey(mine, newClusterKey(systemRandom))
  await t.rejects(withAdmin(mine, { findMs, join: newClusterKey(systemRandom) }, never), {
    code: 'join-string-invalid',
    message: /another cluster/
  })
  await t.rejects(withAdmin(mine, { findMs }, never), { code: 'no-controller' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(withAdmin(mine, { signal }, never), { code: 'aborted' })
})

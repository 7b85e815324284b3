/** What a node keeps in its data folder beside chunks, over a restart. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { newClusterKey } from '../../src/compose/cluster-key.ts'
import { openNodeCells } from '../../src/compose/data-folder.ts'
import { createNode } from '../../src/compose/node.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { CHUNK_PROTOCOL } from '../../src/protocol/limits.ts'
import { chunkMessages } from '../../src/protocol/messages.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { systemClock as clock } from '../../src/runtime/clock.ts'
import { systemRandom as random } from '../../src/runtime/random.ts'
import type { Term } from '../../src/types.ts'
import { snapshotName } from '../conformance/snapshot-store.ts'
import { testFolder } from '../kit/test-folder.ts'

const timeoutMs = 10_000
const term = 3 as Term

t.test('a node remembers that it is being emptied, its term and its snapshots', async (t) => {
  const data = testFolder(t)
  const hub = new MemoryHub({ clock, random })
  const cluster = newClusterKey(random)
  const network = hub.network()
  const caller = { network, role: 'controller', clock, protocol: CHUNK_PROTOCOL } as const
  const rpc = createCaller({ ...caller, messages: chunkMessages })
  await network.start()
  t.teardown(async () => {
    rpc.close()
    await network.stop()
  })
  const run = async () => {
    const node = await createNode({ data, cluster, network: (peer) => hub.network({ peer }) })
    t.teardown(() => node.stop())
    await node.start()
    const [address] = node.addresses
    if (address === undefined) throw new Error('the node listens nowhere')
    return { node, peer: await network.connect(address) }
  }
  const name = snapshotName({ term })
  const first = await run()
  await rpc.call(first.peer, 'setDraining', { term, draining: true }, { timeoutMs })
  const body = { sizeBytes: 5, pieces: [Buffer.from('piece')] }
  await rpc.call(first.peer, 'putSnapshot', { term, name }, { timeoutMs, body })
  await rpc.call(first.peer, 'scrub', { start: true }, { timeoutMs })
  await first.node.stop()

  t.equal((await openNodeCells(data)).draining.get(), true)
  const { peer } = await run()
  t.equal(peer, first.peer)
  const { message } = await rpc.call(peer, 'recoveryInfo', {}, { timeoutMs })
  t.equal(message.term, term)
  const { message: listed } = await rpc.call(peer, 'listSnapshots', {}, { timeoutMs })
  t.same(listed.names, [{ ...name, sizeBytes: 5 }])
  const late = rpc.call(peer, 'setDraining', { term: 2 as Term, draining: false }, { timeoutMs })
  await t.rejects(late, { code: 'term-stale' })
})

t.test('what is damaged is named', async (t) => {
  for (const name of ['draining.json', 'scrub.json']) {
    const folder = testFolder(t)
    t.equal((await openNodeCells(folder)).draining.get(), false)
    await writeFile(join(folder, name), 'rubbish')
    await t.rejects(openNodeCells(folder), { code: 'data-incompatible', message: new RegExp(name) })
  }
})

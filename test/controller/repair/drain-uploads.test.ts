/** What is uploaded while a node is emptied does not lean on that node. */

import t from 'tap'
import { hasCode } from '../../../src/errors.ts'
import { overEachStore } from '../cluster.ts'
import { startRepairWorld } from './repair-world.ts'
import type { RepairWorld } from './repair-world.ts'

/** What is on its way to a node that is to be emptied arrives within this. */
const QUICK = { replication: { putTimeoutMs: 2000 } }

/** Does something that stores chunks, with no other nodes to store them on. */
async function onlyOn<T>({ nodes }: RepairWorld, indexes: number[], work: () => Promise<T>): Promise<T> {
  const all = nodes.splice(0)
  nodes.push(...all.filter((_node, index) => indexes.includes(index)))
  try {
    return await work()
  } finally {
    nodes.splice(0, nodes.length, ...all)
  }
}

const staying = async ({ holders, nodes }: RepairWorld, chunk: Parameters<typeof holders>[0]) =>
  (await holders(chunk)).filter((node) => node !== nodes[2]).length

overEachStore(
  t,
  'bytes that nothing referred to when a node was emptied are stored again elsewhere',
  async (t, makeStore) => {
    const made = await startRepairWorld(t, { hosts: ['h1', 'h2', 'h3', 'h4'], makeStore, config: QUICK })
    const { world, nodes, controller, sender, ask } = made
    const leaving = nodes[2]
    if (leaving === undefined) throw new Error('there is no third node')
    await ask('collector', { action: 'freeze' })
    const old = await onlyOn(made, [0, 2], () => sender.send({ content: ['the same bytes'] }))
    const [chunk] = old.chunks
    if (chunk === undefined) throw new Error('there is no chunk')
    await sender.call('revokeLink', { tokenHash: old.tokenHash, deleteHash: old.deleteHash })
    await world.until('nothing refers to it', async () => {
      return (await controller.store.findChunk(chunk)) === undefined
    })
    t.equal((await made.holders(chunk)).length, 2)
    await ask('drainNode', { peer: leaving.peer, draining: true })
    nodes.splice(2, 1) // it takes no more
    await world.until('it is safe to switch it off', async () => {
      const { nodes: known } = await made.controllerStatus()
      return known.find(({ peer }) => peer === leaving.peer)?.drain?.safe === true
    })
    t.equal((await made.holders(chunk)).length, 1)
    const later = await sender.send({ content: ['the same bytes'] })
    await world.crash(leaving)
    t.same(later.chunks[0], chunk)
    t.ok((await made.fewest(later.chunks)) >= 2)
  }
)

for (const hosts of [
  ['h1', 'h2', 'h3', 'h4'],
  ['h1', 'h2', 'h3']
]) {
  t.test(`a commit waits until others hold what the node holds (${hosts.length} nodes)`, async (t) => {
    const made = await startRepairWorld(t, { hosts, config: QUICK })
    const { world, nodes, sender, ask } = made
    const leaving = nodes[2]
    if (leaving === undefined) throw new Error('there is no third node')
    const { commit, chunks } = await onlyOn(made, [0, 2], () => sender.prepare({ content: ['a', 'b'] }))
    await ask('drainNode', { peer: leaving.peer, draining: true })
    const startedAt = world.clock.monotonic()
    let refused = 0
    await world.until('the commit succeeds', async () => {
      try {
        await sender.call('commitUpload', commit)
        return true
      } catch (error) {
        if (!hasCode(error, 'copies-missing')) throw error
        refused++
        return false
      }
    })
    t.ok(refused > 0)
    for (const chunk of chunks) t.ok((await staying(made, chunk)) >= 2, 'at that moment')
    t.ok(world.clock.monotonic() - startedAt < 5000, 'an edge waits longer')
    nodes.splice(2, 1)
    const next = await sender.send({ content: ['a', 'c'] })
    t.ok((await made.fewest(next.chunks)) >= 2, 'and the next ones do not wait')
  })
}

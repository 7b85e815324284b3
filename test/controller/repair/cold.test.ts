/** The cold tier: what nobody reads moves there, is read from there, and comes back when it is read often. */

import t from 'tap'
import type { ChunkId, Tier } from '../../../src/types.ts'
import { ReadNotes } from '../../../src/controller/repair/read-notes.ts'
import { StoreTime } from '../../../src/controller/store-time.ts'
import { parseConfig } from '../../../src/config.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { overEachStore } from '../cluster.ts'
import { chunk } from '../members.ts'
import { startRepairWorld } from './repair-world.ts'

const COLD = { afterMs: 8000, warmReads: 2, warmWindowMs: 60_000, readStepMs: 300 }

overEachStore(
  t,
  'what nobody reads moves to cold nodes, and comes back when it is read often',
  async (t, makeStore) => {
    const made = await startRepairWorld(t, {
      hosts: ['h1', 'h2', 'h3', 'c1', 'c2'],
      makeStore,
      config: { cold: COLD, repair: { patrolMs: 1000 } }
    })
    const { world, nodes, sender, sendTo, holders, fewest, most, settled } = made
    const tiers: Tier[] = ['hot', 'hot', 'hot', 'cold', 'cold']
    for (const [index, node] of nodes.entries()) {
      const describe = node.describe.bind(node)
      node.describe = async () => ({ ...(await describe()), tier: tiers[index] ?? 'hot' })
    }
    await world.beat()
    const { file, chunks } = await sendTo([0, 1, 2], 3)
    const content = chunks.filter((id) => id !== file.manifest)
    const coldCopies = async (id: ChunkId): Promise<number> =>
      (await holders(id)).filter(({ host }) => host.startsWith('c')).length
    const all = async (ids: readonly ChunkId[], cold: number): Promise<boolean> => {
      least = Math.min(least, await fewest(chunks))
      for (const id of ids) if ((await coldCopies(id)) !== cold) return false
      return (await most(ids)) === 3
    }
    let least = Infinity
    await world.pass(5000)
    t.ok(await all(chunks, 0), 'they stay for a while')
    await world.until('all are on both cold nodes', () => all(chunks, 2))
    await settled()

    const read = async (): Promise<void> => {
      await sender.call('listFileChunks', { file: file.id, from: 0, limit: 10 })
      await world.pass(1500) // beyond a step, and until it is written down
    }
    await read()
    await world.pass(3000)
    t.ok(await all(chunks, 2), 'a single look moves nothing')
    await read()
    await world.until('what was read is back on hot nodes', () => all(content, 0))
    t.ok(await all([file.manifest], 2), 'and what was not is where it was')
    t.equal(least, 3, 'nothing had fewer copies on the way')
  }
)

t.test('reads are written down together, and once in a step', async (t) => {
  const written: ChunkId[][] = []
  const clock = new ManualClock()
  const time = new StoreTime(clock)
  time.resume(0, 0)
  const config = parseConfig({ cold: { readStepMs: 1000 }, controller: { batchMax: 2 } })
  const store = {
    noteReads: async (chunks: readonly ChunkId[]) => {
      written.push([...chunks])
    }
  }
  const notes = new ReadNotes({ store, clock, time, config })
  const [a, b, c] = [chunk('a'), chunk('b'), chunk('c')]
  t.equal(await notes.step(), 'idle')
  notes.note([a, b])
  notes.note([b, c])
  t.equal(await notes.step(), 'busy')
  t.equal(await notes.step(), 'idle')
  t.same(written, [[a, b], [c]])
  notes.note([a])
  await notes.step()
  t.equal(written.length, 2)
  await clock.advance(1001)
  notes.note([a])
  await notes.step()
  t.same(written.at(-1), [a])
})

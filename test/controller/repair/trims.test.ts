/** A copy that is too many goes only while all others are really there. */

import t from 'tap'
import type { Test } from 'tap'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { ChunkId } from '../../../src/types.ts'
import type { NodeParticipant } from '../world.ts'
import { withSurplus } from './surplus.ts'

async function lose(node: NodeParticipant | undefined, chunk: ChunkId | undefined): Promise<void> {
  if (node === undefined || chunk === undefined) throw new Error('nothing to lose')
  const info = await node.store.stat(chunk)
  if (info !== undefined) await node.store.delete(chunk, info.generation)
}

t.test('a node that keeps a copy is asked first, and one that has lost it is found out', async (t) => {
  const { made, chunks, back } = await withSurplus(t)
  const { world, nodes, fewest, most, settled } = made
  // a disk lost some, and nobody has noticed
  for (const [index, chunk] of chunks.entries()) await lose(nodes[index % 3], chunk)
  await back()
  t.equal(await fewest(chunks), 3, 'three are there, and four are recorded')
  let least = Infinity
  for (let step = 0; step < 100; step++) {
    await world.pass(100)
    least = Math.min(least, await fewest(chunks))
  }
  await settled()
  t.equal(await most(chunks), 3)
  t.equal(least, 3, 'the copy that came back makes good what was lost')
})

t.test('nothing is deleted when the record cannot be taken back', async (t) => {
  let asked = 0
  class Unwilling extends MemoryMetadataStore {
    constructor() {
      super()
      Object.assign(this, {
        trimCopy: async () => {
          asked++
          return false
        }
      })
    }
  }
  const store = new Unwilling()
  const { made, chunks, back } = await withSurplus(t, () => store)
  await back()
  await made.world.until('repair tries to trim', () => asked >= chunks.length)
  const before = asked
  await made.world.pass(3000)
  t.equal(await made.fewest(chunks), 4)
  t.ok(asked - before <= chunks.length, 'and it does not try all the time')
})

t.test('a node that was given the chunk again meanwhile keeps it', async (t) => {
  const { made, chunks, back } = await withSurplus(t)
  const { world, controller, nodes, repairStatus } = made
  const [first] = chunks
  if (first === undefined) return
  // somebody stores the chunk on every node between the question and the order
  const call = controller.chunkRpc.call.bind(controller.chunkRpc)
  let refused = 0
  Object.assign(controller.chunkRpc, {
    call: async (...args: Parameters<typeof call>) => {
      const [to, op, message] = args
      const orders = op === 'trim' && 'orders' in message ? message.orders : []
      const node = nodes.find(({ peer }) => peer === to)
      if (node === undefined || !orders.some(({ chunk }) => chunk === first)) return await call(...args)
      const info = await node.store.stat(first)
      const bytes = await node.store.get(first)
      const put = {
        id: first,
        generation: info?.generation ?? (0 as never),
        copies: 1,
        copiesMin: 1,
        hostsMin: 1,
        targets: []
      }
      const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
      await made.edge.chunkRpc.call(to, 'put', put, { timeoutMs: 1000, body })
      const answer = await call(...args)
      refused++
      return answer
    }
  })
  await back()
  await world.until('the trim was refused', () => refused > 0)
  await world.pass(200)
  let copies = 0
  for (const node of nodes) if (await node.holds(first)) copies++
  t.equal(copies, 4)
  t.ok((await repairStatus()).trimmedChunks < chunks.length)
})

/** One of four copies of a chunk was too many, and has gone. */
async function withTrimmed(t: Test) {
  const store = new MemoryMetadataStore()
  const { made, chunks, back } = await withSurplus(t, () => store)
  await back()
  await made.world.until('the surplus is gone', async () => (await made.most(chunks)) === 3)
  await made.settled()
  const [chunk] = chunks
  if (chunk === undefined) throw new Error('there is no chunk')
  const holders = await made.holders(chunk)
  const [holder] = holders
  const trimmed = made.nodes.find((node) => !holders.includes(node))
  const info = await holder?.store.stat(chunk)
  if (holder === undefined || trimmed === undefined || info === undefined)
    throw new Error(`${holders.length} of four hold it`)
  return { made, store, chunk, holders, holder, trimmed, generation: info.generation }
}

t.test(
  'a receipt that comes after the copy was trimmed makes nothing count, and one of a later put does',
  async (t) => {
    const { made, store, chunk, holder, trimmed, generation } = await withTrimmed(t)
    const { world, edge, sender } = made
    const { peer, host } = trimmed
    const boot = edge.membership.get(peer)?.boot ?? 0
    const late = { peer, host, chunk, generation, boot }
    const recorded = async (): Promise<boolean> =>
      (await store.findChunk(chunk))?.copies.some((copy) => copy.peer === peer) ?? false
    await world.control(edge, sender.controller, 'recordReceipts', { receipts: [late] })
    t.equal(await recorded(), false, 'the copy is gone, whatever the receipt says')
    await trimmed.store.put(chunk, await holder.store.get(chunk), generation)
    await world.control(edge, sender.controller, 'recordReceipts', { receipts: [late] })
    t.equal(await recorded(), true, 'it was given the chunk again')
  }
)

t.test(
  'a receipt of a trimmed copy makes nothing count after the controller started again either',
  async (t) => {
    const { made, store, chunk, holders, holder, trimmed, generation } = await withTrimmed(t)
    const { world, edge, sender, controller } = made
    await world.stop(controller)
    made.lead(await world.addController(store, { peer: controller.peer }))
    const receiptOf = ({ peer, host }: NodeParticipant) => {
      return { peer, host, chunk, generation, boot: edge.membership.get(peer)?.boot ?? 0 }
    }
    const asked = countAsked(holder)
    const receipts = [receiptOf(holder), receiptOf(trimmed)]
    await world.control(edge, sender.controller, 'recordReceipts', { receipts })
    const peers = (await store.findChunk(chunk))?.copies.map(({ peer }) => peer)
    t.same(peers, holders.map(({ peer }) => peer).toSorted())
    t.equal(asked(), 0, 'a node is not asked about what is recorded')
    await trimmed.store.put(chunk, await holder.store.get(chunk), generation)
    await world.control(edge, sender.controller, 'recordReceipts', { receipts })
    t.equal((await store.findChunk(chunk))?.copies.length, 4, 'it was given the chunk again')
  }
)

/** How often the node looks for a chunk from now on. */
function countAsked({ store }: NodeParticipant): () => number {
  const stat = store.stat.bind(store)
  let asked = 0
  store.stat = async (...args) => (asked++, await stat(...args))
  return () => asked
}

t.test('while the collector is frozen nothing is trimmed either', async (t) => {
  const { made, chunks, back } = await withSurplus(t)
  const { world, ask, fewest, most } = made
  await ask('collector', { action: 'freeze' })
  await back()
  await world.pass(20_000)
  t.equal(await fewest(chunks), 4)
  await ask('collector', { action: 'resume' })
  await world.until('the surplus is gone', async () => (await most(chunks)) === 3)
})

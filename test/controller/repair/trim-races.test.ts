/** An inventory and a trim of the same copy meet: the record says what is there at every moment. */

import t from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { beforeFirstOf } from '../../../src/controller/inventory/prefixes.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { digestOf } from '../../../src/protocol/ids.ts'
import type { ChunkId, PeerId } from '../../../src/types.ts'
import type { NodeParticipant } from '../world.ts'
import { withSurplus } from './surplus.ts'

/** A store that stops in the middle, where a test wants it to. */
class Halting extends MemoryMetadataStore {
  beforeTrim: (trim: { peer: PeerId; chunk: ChunkId }) => Promise<void> = async () => {}
  afterList: (peer: PeerId, after: ChunkId | undefined) => Promise<void> = async () => {}
  /** As where one chunk in a thousand is another: all is listed. */
  differs = false

  constructor() {
    super()
    const { trimCopy, listCopies, confirmCopies } = this
    const halting: Pick<MetadataStore, 'trimCopy' | 'listCopies' | 'confirmCopies'> = {
      trimCopy: async (trim) => {
        await this.beforeTrim(trim)
        return await trimCopy(trim)
      },
      listCopies: async (peer, after, limit) => {
        const copies = await listCopies(peer, after, limit)
        await this.afterList(peer, after)
        return copies
      },
      confirmCopies: async (request) => !this.differs && (await confirmCopies(request))
    }
    Object.assign(this, halting)
  }

  /** Copies that count and are not there. */
  async missing(nodes: readonly NodeParticipant[]): Promise<string[]> {
    const missing: string[] = []
    for (const node of nodes) {
      for (const { chunk, boot } of await this.listCopies(node.peer, undefined, 1000))
        if (boot === node.boot && !(await node.holds(chunk))) missing.push(`${chunk} on ${node.host}`)
    }
    return missing
  }
}

const OFTEN: ConfigInput = { inventory: { intervalMs: 500, quarantineMs: 1_000_000 } }

t.test('an inventory that listed a copy before it was trimmed does not record it again', async (t) => {
  const store = new Halting()
  const { made, chunks, back } = await withSurplus(t, () => store, OFTEN)
  const { world, nodes } = made
  const [first] = chunks
  const beforeRange = first === undefined ? undefined : beforeFirstOf(digestOf(first)[0] ?? 0)
  const [begun, listed, gone] = [0, 0, 0].map(() => Promise.withResolvers<PeerId>())
  if (begun === undefined || listed === undefined || gone === undefined) return
  let victim: PeerId | undefined
  store.beforeTrim = async ({ peer, chunk }) => {
    if (chunk !== first || victim !== undefined) return
    victim = peer
    begun.resolve(peer)
    await listed.promise
  }
  store.afterList = async (peer, after) => {
    if (peer !== victim || after !== beforeRange) return
    listed.resolve(peer)
    await gone.promise
  }
  await back()
  const peer = await world.run(begun.promise)
  store.differs = true
  await world.run(listed.promise)
  store.afterList = async () => {}
  const node = nodes.find((each) => each.peer === peer)
  if (node === undefined || first === undefined) return t.fail('a node is trimmed')
  await world.until('the copy is trimmed', async () => !(await node.holds(first)))
  gone.resolve(peer)
  for (let step = 0; step < 40; step++) {
    await world.pass(10)
    t.same(await store.missing(nodes), [])
  }
})

t.test(
  'an inventory of a node that is about to delete a trimmed copy does not record it again',
  async (t) => {
    const store = new Halting()
    const { made, chunks, back } = await withSurplus(t, () => store, OFTEN)
    const { world, nodes, controller } = made
    const [first] = chunks
    const call = controller.chunkRpc.call.bind(controller.chunkRpc)
    const begun = Promise.withResolvers<PeerId>()
    const released = Promise.withResolvers<void>()
    Object.assign(controller.chunkRpc, {
      call: async (...args: Parameters<typeof call>) => {
        const [to, op, message] = args
        if (op === 'trim' && 'orders' in message && message.orders.some(({ chunk }) => chunk === first)) {
          begun.resolve(to)
          await released.promise
        }
        return await call(...args)
      }
    })
    await back()
    const peer = await world.run(begun.promise)
    const node = nodes.find((each) => each.peer === peer)
    if (node === undefined || first === undefined) return t.fail('a node is trimmed')
    const { store: disk } = node
    const remove = disk.delete.bind(disk)
    let counted: boolean | undefined
    disk.delete = async (id, ...rest) => {
      if (id === first) counted = (await store.findChunk(first))?.copies.some((copy) => copy.peer === peer)
      return await remove(id, ...rest)
    }
    await world.pass(1500) // time for its inventory
    released.resolve()
    await world.until('the copy is trimmed', async () => !(await node.holds(first)))
    t.equal(counted, false, 'nobody counts on it when it goes')
    t.same(await store.missing(nodes), [])
  }
)

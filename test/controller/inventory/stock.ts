/** A cluster in virtual time whose nodes restart, lose and gain chunks; and what is recorded of them. */

import type { Test } from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { chunkIdOf } from '../../../src/protocol/ids.ts'
import type { ChunkId, Generation, PeerId } from '../../../src/types.ts'
import { startCluster } from '../cluster.ts'
import type { Cluster, MakeStore } from '../cluster.ts'
import type { NodeParticipant } from '../world.ts'

export interface Stock extends Cluster {
  node: (index: number) => NodeParticipant
  /** Starts a node again: with its chunks, those of another store, or none; on another machine if one is named. */
  restart: (index: number, options?: { store?: MemoryChunkStore; host?: string }) => Promise<NodeParticipant>
  /** Copies that count, by name of the node: `{ h1: 2 }`. */
  sure: () => Promise<Record<string, number>>
  /** Recorded copies, whatever their boot. */
  recorded: () => Promise<Record<string, number>>
  /** Puts a chunk into a node's store that nobody sent; at the newest generation unless another is given. */
  plant: (index: number, text: string, generation?: number) => Promise<ChunkId>
  /** Every node was compared in its present boot. */
  compared: () => Promise<void>
  /** Chunks of the node whose copies were taken off the record so far. */
  dropped: (index: number) => ChunkId[]
  /** Unknown chunks of the node that wait for an operator. */
  held: (index: number) => Promise<number | undefined>
}

export async function startStock(
  t: Test,
  options: { config?: ConfigInput; hosts?: string[]; makeStore?: MakeStore } = {}
): Promise<Stock> {
  const cluster = await startCluster(t, options)
  const { world, controller, nodes, sender } = cluster
  const node = (index: number): NodeParticipant => {
    const found = nodes[index]
    if (found === undefined) throw new Error(`there is no node ${index}`)
    return found
  }
  const drops: Array<{ peer: PeerId; chunk: ChunkId }> = []
  const dropCopy = controller.store.dropCopy.bind(controller.store)
  controller.store.dropCopy = async (copy) => {
    drops.push(copy)
    await dropCopy(copy)
  }
  const count = async (counts: (boot: number, node: NodeParticipant) => boolean) => {
    const all: Record<string, number> = {}
    for (const each of nodes) {
      const copies = await controller.store.listCopies(each.peer, undefined, 10_000)
      all[each.host] = copies.filter(({ boot }) => counts(boot, each)).length
    }
    return all
  }
  return {
    ...cluster,
    node,
    async restart(index, { store, host } = {}) {
      const old = node(index)
      await world.crash(old)
      const again = await world.addNode(host ?? old.host, { peer: old.peer, store: store ?? old.store })
      nodes[index] = again
      return again
    },
    sure: async () => await count((boot, { boot: present }) => boot === present),
    recorded: async () => await count(() => true),
    async plant(index, text, generation) {
      const bytes = Buffer.from(text)
      const newest = await controller.store.lastGeneration()
      await node(index).store.put(chunkIdOf(bytes), bytes, (generation ?? newest) as Generation)
      return chunkIdOf(bytes)
    },
    async compared() {
      await world.until('every node was compared', async () => {
        const status = await sender.call('status', {})
        return nodes.every(({ peer }) =>
          status.nodes.some((each) => each.peer === peer && each.reconciledAt !== null)
        )
      })
    },
    dropped: (index) => drops.filter(({ peer }) => peer === node(index).peer).map(({ chunk }) => chunk),
    async held(index) {
      const { collector } = await sender.call('status', {})
      return collector.held.find(({ peer }) => peer === node(index).peer)?.unknown
    }
  }
}

/** A store that counts the bytes that are read or written, as scrubs and repairs do. */
export async function countingStore(
  world: Cluster['world']
): Promise<{ store: MemoryChunkStore; touched: () => number }> {
  const store = new MemoryChunkStore({ clock: world.clock })
  await store.open()
  const get = store.get.bind(store)
  const put = store.put.bind(store)
  let touched = 0
  Object.assign(store, {
    get: async (...args: Parameters<typeof get>) => (touched++, await get(...args)),
    put: async (...args: Parameters<typeof put>) => (touched++, await put(...args))
  })
  return { store, touched: () => touched }
}

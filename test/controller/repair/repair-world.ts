/** The usual cast with short delays of repair, an operator, and the questions tests of repair ask. */

import type { Test } from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import type { ClusterStatus, ControlMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import type { ChunkId } from '../../../src/types.ts'
import { startCluster } from '../cluster.ts'
import type { Cluster, MakeStore } from '../cluster.ts'
import type { Sent } from '../sender.ts'
import type { ControllerParticipant, NodeParticipant, Participant } from '../world.ts'

export const DELAY_MS = 6000

/** A single node's loss is repaired after six seconds; nodes lost seconds apart are no outage unless a test says so. */
const QUICK: NonNullable<ConfigInput['repair']> = {
  delayMs: DELAY_MS,
  drainedDelayMs: 40_000,
  lostWindowMs: 500,
  patrolMs: 5000
}

export interface RepairWorld extends Cluster {
  admin: Participant
  /** Nodes that hold the chunk, of those that take part. */
  holders: (chunk: ChunkId) => Promise<NodeParticipant[]>
  /** Fewest copies that any of the chunks has on nodes that take part. */
  fewest: (chunks: readonly ChunkId[]) => Promise<number>
  most: (chunks: readonly ChunkId[]) => Promise<number>
  /** Sends a file of so many chunks, copies on exactly these nodes. */
  sendTo: (indexes: readonly number[], chunkCount: number) => Promise<Sent>
  /** As a kill. */
  kill: (node: NodeParticipant) => Promise<void>
  /** The killed node again, with what its disk holds. */
  revive: (node: NodeParticipant) => Promise<NodeParticipant>
  ask: <K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>
  ) => Promise<ResponseOf<ControlMessages, K>>
  controllerStatus: () => Promise<ClusterStatus>
  repairStatus: () => Promise<ClusterStatus['repair']>
  /** The controller that is asked; another one after a restart. */
  lead: (controller: ControllerParticipant) => void
  /** Lets each write to the nodes' disks take so long, so that a test sees what is under way. */
  slow: (ms: number) => void
  /** Resolves when the patrol has looked at everything and found nothing to do. */
  settled: () => Promise<void>
}

let files = 0

export async function startRepairWorld(
  t: Test,
  options: { hosts: string[]; config?: ConfigInput; makeStore?: MakeStore }
): Promise<RepairWorld> {
  const { config = {} } = options
  const cluster = await startCluster(t, {
    ...options,
    config: { ...config, repair: { ...QUICK, ...config.repair } }
  })
  const { world, nodes, sender } = cluster
  const all = [...nodes]
  const admin = await world.addCaller('admin')
  const holders = async (chunk: ChunkId): Promise<NodeParticipant[]> => {
    const held = await Promise.all(nodes.map((node) => node.holds(chunk)))
    return nodes.filter((_, index) => held[index])
  }
  const counts = async (chunks: readonly ChunkId[]): Promise<number[]> =>
    (await Promise.all(chunks.map(holders))).map((each) => each.length)
  const ask: RepairWorld['ask'] = (op, message) => world.control(admin, sender.controller, op, message)
  let leading = cluster.controller
  // asked directly, not over the network: time need not pass for it
  const controllerStatus: RepairWorld['controllerStatus'] = () => leading.controller.status()
  const repairStatus: RepairWorld['repairStatus'] = async () => (await controllerStatus()).repair
  return {
    ...cluster,
    admin,
    holders,
    fewest: async (chunks) => Math.min(...(await counts(chunks))),
    most: async (chunks) => Math.max(...(await counts(chunks))),
    ask,
    controllerStatus,
    repairStatus,
    lead(controller) {
      leading = controller
      sender.controller = controller
    },
    slow(ms) {
      for (const { store } of nodes) {
        const put = store.put.bind(store)
        store.put = async (...args) => {
          await new Promise<void>((resolve) => world.clock.setTimer(ms, resolve))
          return await put(...args)
        }
      }
    },
    async sendTo(indexes, chunkCount) {
      const others = nodes.splice(0)
      for (const index of indexes) {
        const node = all[index]
        if (node === undefined) throw new Error(`there is no node ${index}`)
        nodes.push(node)
      }
      const number = ++files
      const content = Array.from({ length: chunkCount }, (_, index) => `file ${number}, piece ${index}`)
      const sent = await sender.send({ content, ttlMs: 10_000_000 })
      await world.until(
        'all copies are made',
        async () => Math.min(...(await counts(sent.chunks))) >= indexes.length
      )
      nodes.splice(0, nodes.length, ...others)
      return sent
    },
    async kill(node) {
      nodes.splice(nodes.indexOf(node), 1)
      await world.crash(node)
    },
    async revive(node) {
      const again = await world.addNode(node.host, { peer: node.peer, store: node.store })
      all[all.indexOf(node)] = again
      nodes.push(again)
      return again
    },
    settled: () =>
      world.until('repair has nothing left to do', async () => {
        const { lastCopy, under, misplaced, surplus, running, looked } = await repairStatus()
        return looked === 1 && lastCopy + under + misplaced + surplus + running === 0
      })
  }
}

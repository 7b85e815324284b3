/** A cluster of storage nodes with a controller that only writes down what it is told, and questions to it. */

import type { Test } from 'tap'
import { MemoryCluster, type MemoryClusterOptions, type NodeParticipant } from '../kit/memory-cluster.ts'
import { until } from '../kit/until.ts'
import { GatedStore } from './gated-store.ts'
import type { SomeChunk } from './put-chunk.ts'

/** Stopped when the test ends. */
export async function start(t: Test, options: MemoryClusterOptions = {}): Promise<MemoryCluster> {
  const cluster = await MemoryCluster.start({ controller: 'recording', ...options })
  t.teardown(() => cluster.stop())
  return cluster
}

/** The same with stores that the test controls. */
export async function startGated(
  t: Test,
  options: MemoryClusterOptions = {}
): Promise<{ cluster: MemoryCluster; store: (index: number) => GatedStore }> {
  const stores = Array.from({ length: options.nodes ?? 3 }, () => new GatedStore())
  const store = (index: number): GatedStore => {
    const found = stores[index]
    if (found === undefined) throw new Error(`there is no store ${index}`)
    return found
  }
  return { cluster: await start(t, { ...options, storeOf: store }), store }
}

export const holds = async (node: NodeParticipant, chunk: SomeChunk): Promise<boolean> =>
  (await node.store.stat(chunk.id)) !== undefined

/** No place, buffer or put is in use. */
export function isAtRest(node: NodeParticipant): boolean {
  const { receiving, copying, reading, buffers, putsUnderWay } = node.node.activity
  return receiving + copying + reading + buffers + putsUnderWay === 0
}

export const atRest = async (cluster: MemoryCluster): Promise<void> =>
  await until('all nodes are at rest', () => cluster.nodes.every(isAtRest))

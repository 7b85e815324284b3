/** The usual cast: a controller on either store, three nodes on three machines, an edge; and the questions most tests ask. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { ChunkId } from '../../src/types.ts'
import { Sender } from './sender.ts'
import { World } from './world.ts'
import type { ControllerParticipant, NodeParticipant, Participant } from './world.ts'

/** Makes the store; called again, it opens what is there (a restart). */
export type MakeStore = () => MetadataStore

export interface Cluster {
  world: World
  controller: ControllerParticipant
  nodes: NodeParticipant[]
  edge: Participant
  sender: Sender
  makeStore: MakeStore
  /** How many of the nodes hold it. */
  copies: (chunk: ChunkId) => Promise<number>
  /** Resolves once no node holds any of them. */
  gone: (chunks: ChunkId[]) => Promise<void>
}

export interface ClusterOptions {
  config?: ConfigInput
  hosts?: string[]
  makeStore?: MakeStore
}

export async function startCluster(t: Test, options: ClusterOptions = {}): Promise<Cluster> {
  const memory = new MemoryMetadataStore()
  const makeStore = options.makeStore ?? (() => memory)
  const world = new World(options.config)
  t.teardown(() => world.end())
  const controller = await world.addController(makeStore())
  const nodes: NodeParticipant[] = []
  for (const host of options.hosts ?? ['h1', 'h2', 'h3']) nodes.push(await world.addNode(host))
  const edge = await world.addCaller('edge')
  const sender = new Sender(world, edge, controller, () => nodes)
  const copies = async (chunk: ChunkId): Promise<number> => {
    let count = 0
    for (const node of nodes) if (await node.holds(chunk)) count++
    return count
  }
  const gone = async (chunks: ChunkId[]): Promise<void> => {
    await world.until('the chunks are gone', async () => {
      for (const chunk of chunks) if ((await copies(chunk)) > 0) return false
      return true
    })
  }
  return { world, controller, nodes, edge, sender, makeStore, copies, gone }
}

/** Runs a test once over each kind of store. */
export function overEachStore(
  t: Test,
  name: string,
  test: (t: Test, makeStore: MakeStore) => Promise<void>
): void {
  void t.test(`${name} (memory)`, async (t) => {
    const store = new MemoryMetadataStore()
    await test(t, () => store)
  })
  void t.test(`${name} (SQLite)`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'peerbin-controller-'))
    const file = join(folder, 'metadata.sqlite')
    // hooks run in reverse: after the cluster, made later, has let go of it
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    await test(t, () => new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger }))
  })
}

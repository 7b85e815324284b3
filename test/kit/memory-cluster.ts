/**
 * A cluster in one process: StorageNodes, a Controller and clients over a MemoryHub, with short intervals and the machine's own clock.
 *
 *   const cluster = await MemoryCluster.start({ nodes: 3 })
 *   t.teardown(() => cluster.stop())
 *   const edge = await cluster.client()
 *   await edge.chunkRpc.call(cluster.node(0).peer, 'has', …)
 *   await cluster.restartNode(0)                    // same peer id, a new boot, what it kept is still there
 *   await cluster.restartNode(0, { wiped: true })   // the same with an empty chunk store
 *   await cluster.stopNode(0, { crash: true }); …; await cluster.startNode(0)
 */

import { hkdfSync } from 'node:crypto'
import { mergeConfig } from '../../src/compose/config-sources.ts'
import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts'
import { Controller } from '../../src/controller/controller.ts'
import type { ChunkStore, Clock, Logger, Random } from '../../src/interfaces.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { StorageNode } from '../../src/node/storage-node.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { MemorySnapshotStore } from '../../src/node/store/memory-snapshot-store.ts'
import { CHUNK_PROTOCOL } from '../../src/protocol/limits.ts'
import { chunkMessages, type ChunkMessages, type Target } from '../../src/protocol/messages.ts'
import { chunkPolicy } from '../../src/protocol/policy.ts'
import type { RpcHandlers } from '../../src/protocol/rpc.ts'
import { serve } from '../../src/protocol/rpc-server.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { PeerId, Role } from '../../src/types.ts'
import { REFUSALS } from './impostor.ts'
import { FAST_CONFIG } from './fast-config.ts'
import { newNodeMemory } from './memory-node.ts'
import type { NodeMemory } from './memory-node.ts'
import { createParticipant, newProcessMemory } from './participant.ts'
import type { Participant, Parts, ProcessMemory, RoleParts } from './participant.ts'
import { RecordingController } from './recording-controller.ts'
import { until } from './until.ts'

export { FAST_CONFIG } from './fast-config.ts'
export type { NodeMemory } from './memory-node.ts'
export type { Participant } from './participant.ts'

/** One run of a node; after a restart `cluster.node(i)` answers the next one. */
export interface NodeParticipant extends Participant, NodeMemory {
  readonly node: StorageNode
}

export interface MemoryClusterOptions {
  /** Default 3. */
  nodes?: number
  /** `real` (default), a stand-in that only writes down what nodes report, or nobody. */
  controller?: 'real' | 'recording' | 'none'
  /** Over FAST_CONFIG, section by section. */
  config?: ConfigInput
  /** Machine of a node; default: each has its own. */
  hostOf?: (index: number) => string
  /** Default: a MemoryChunkStore. */
  storeOf?: (index: number) => ChunkStore
  /** Default: in memory. */
  metadata?: MetadataStore
  /** As that of the controller: told while there is no administrator. */
  onSetupSecret?: (secret: string) => void
  logger?: Logger
  clock?: Clock
  random?: Random
}

export class MemoryCluster {
  readonly hub: MemoryHub
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly nodes: NodeParticipant[] = []
  /** The key that FileWriter takes; any 32 bytes do. */
  readonly clusterKey = new Uint8Array(hkdfSync('sha256', 'memory cluster', '', 'key', 32))
  #controller: Controller | undefined
  /** The real controller's process, and what it has over its restarts. */
  #leading: { controller: Participant; store: MetadataStore; memory: ProcessMemory } | undefined
  #recording: RecordingController | undefined
  readonly #options: MemoryClusterOptions
  readonly #participants: Participant[] = []

  private constructor(options: MemoryClusterOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? systemRandom
    this.logger = options.logger ?? silentLogger
    this.config = parseConfig(mergeConfig(FAST_CONFIG, options.config ?? {}))
    this.hub = new MemoryHub({ clock: this.clock, random: this.random })
  }

  /** Resolves when everybody sees everybody. */
  static async start(options: MemoryClusterOptions = {}): Promise<MemoryCluster> {
    const cluster = new MemoryCluster(options)
    try {
      if (options.controller === undefined || options.controller === 'real') await cluster.#addController()
      else if (options.controller === 'recording') await cluster.#addRecording()
      for (let i = 0; i < (options.nodes ?? 3); i++) await cluster.addNode()
      await cluster.meet()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  get controller(): Controller {
    if (this.#controller === undefined) throw new Error('this cluster has no real controller')
    return this.#controller
  }

  get recording(): RecordingController {
    if (this.#recording === undefined) throw new Error('this cluster has no recording controller')
    return this.#recording
  }

  node(index: number): NodeParticipant {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`there is no node ${index}`)
    return node
  }

  /** Nodes as targets of a put, in this order. */
  targets(...indexes: number[]): Target[] {
    return indexes.map((index) => ({ peer: this.node(index).peer, host: this.node(index).host }))
  }

  async addNode(options: { host?: string; store?: ChunkStore } = {}): Promise<NodeParticipant> {
    const index = this.nodes.length
    const host = options.host ?? this.#options.hostOf?.(index) ?? `host-${index}`
    const store =
      options.store ?? this.#options.storeOf?.(index) ?? new MemoryChunkStore({ clock: this.clock })
    const node = await this.#runNode(host, newNodeMemory(store), this.hub.newPeer())
    this.nodes.push(node)
    return node
  }

  /** Ends a node's process, in order or (`crash`) without a word to anybody; what it remembers stays for `startNode`. */
  async stopNode(index: number, options: { crash?: boolean } = {}): Promise<void> {
    const node = this.node(index)
    if (options.crash === true) this.hub.crash(node.peer)
    await this.remove(node)
  }

  /**
   * Starts a stopped node again: the same peer id, host and cells, so that its boot is greater. It finds the chunks and snapshots it had; with `wiped` none of them,
   * as if those folders were lost; with `store` other chunks. Resolves when everybody has heard of its new boot.
   */
  async startNode(
    index: number,
    options: { wiped?: boolean; store?: ChunkStore } = {}
  ): Promise<NodeParticipant> {
    const { host, peer, term, boot, peers, draining, scrub, ...kept } = this.node(index)
    const isWiped = options.wiped === true
    const memory: NodeMemory = {
      term,
      boot,
      peers,
      draining,
      scrub,
      store: options.store ?? (isWiped ? new MemoryChunkStore({ clock: this.clock }) : kept.store),
      snapshots: isWiped ? new MemorySnapshotStore() : kept.snapshots
    }
    const node = await this.#runNode(host, memory, peer)
    this.nodes[index] = node
    await this.meet()
    return node
  }

  /** `stopNode`, then `startNode`. */
  async restartNode(
    index: number,
    options: { crash?: boolean; wiped?: boolean; store?: ChunkStore } = {}
  ): Promise<NodeParticipant> {
    await this.stopNode(index, options)
    return await this.startNode(index, options)
  }

  /** A member that says it is a node and answers as the test wants; what is not in `handlers` is refused. */
  async addImpostor(handlers: Partial<RpcHandlers<ChunkMessages>>, host = 'impostor'): Promise<Participant> {
    const impostor = await this.#join('node', host, (parts) => {
      const server = serve({
        ...parts,
        protocol: CHUNK_PROTOCOL,
        messages: chunkMessages,
        policy: chunkPolicy,
        handlers: { ...REFUSALS, ...handlers }
      })
      return { start: async () => {}, stop: () => server.stop() }
    })
    await this.meet()
    return impostor
  }

  /** A member that only calls others; `edge` unless said otherwise. */
  async client(role: Role = 'edge'): Promise<Participant> {
    const client = await this.#join(role, `${role}-host`, () => ({
      start: async () => {},
      stop: async () => {}
    }))
    await this.meet()
    return client
  }

  /** Resolves when every participant sees every other as active in its present boot, and a leading controller where there is one. */
  async meet(): Promise<void> {
    const everybody = this.#participants
    const leads = this.#controller !== undefined || this.#recording !== undefined
    await until('everybody sees everybody', () =>
      everybody.every((participant) => {
        const seen = participant.membership.all().filter((member) => member.liveness === 'active')
        const hasLeader = seen.some((member) => member.roles.includes('controller') && member.term > 0)
        const sees = ({ peer, announcer }: Participant): boolean =>
          seen.some((member) => member.peer === peer && member.boot === announcer.boot)
        return everybody.every(sees) && (hasLeader || !leads)
      })
    )
  }

  /** Takes a participant out for good, in order; the others find out by its silence. */
  async remove(participant: Participant): Promise<void> {
    // by peer: a node is a copy of what is in the list, with more to it
    const index = this.#participants.findIndex(({ peer }) => peer === participant.peer)
    if (index >= 0) this.#participants.splice(index, 1)
    await participant.stop()
  }

  async stop(): Promise<void> {
    // the newest first: clients, nodes, controller
    for (const participant of this.#participants.toReversed()) await participant.stop()
  }

  /** Ends the controller's process and starts it again over the same metadata, so that it leads in a higher term. Resolves when everybody has heard of it. */
  async restartController(): Promise<void> {
    const { controller, store, memory } = this.#leading ?? {}
    if (controller === undefined || store === undefined || memory === undefined)
      throw new Error('this cluster has no real controller')
    await this.remove(controller)
    await this.#runController(store, memory, controller.peer)
    await this.meet()
  }

  async #addController(): Promise<void> {
    await this.#runController(this.#options.metadata ?? new MemoryMetadataStore(), newProcessMemory())
  }

  async #runController(store: MetadataStore, memory: ProcessMemory, peer?: PeerId): Promise<void> {
    const makeRole = (parts: Parts): RoleParts => {
      const controller = new Controller({ ...parts, store, onSetupSecret: this.#options.onSetupSecret })
      this.#controller = controller
      return {
        start: () => controller.start(),
        stop: () => controller.stop(),
        describe: () => controller.describe()
      }
    }
    const again = { memory, ...(peer !== undefined && { peer }) }
    const controller = await this.#join('controller', 'controller-host', makeRole, again)
    this.#leading = { controller, store, memory }
  }

  async #addRecording(): Promise<void> {
    await this.#join('controller', 'controller-host', (parts) => {
      const recording = new RecordingController(parts)
      this.#recording = recording
      return {
        start: async () => {},
        stop: () => recording.stop(),
        describe: async () => ({ term: recording.term, retired: recording.retired })
      }
    })
  }

  async #runNode(host: string, memory: NodeMemory, peer: PeerId): Promise<NodeParticipant> {
    let made: StorageNode | undefined
    const makeRole = (parts: Parts): RoleParts => {
      const { announcer } = parts
      const announce = (): Promise<void> => announcer.announceNow()
      const node = new StorageNode({ ...parts, ...memory, host, boot: () => announcer.boot, announce })
      announcer.onRetired(() => node.retire())
      made = node
      return { start: () => node.start(), stop: () => node.stop(), describe: () => node.describe() }
    }
    const participant = await this.#join('node', host, makeRole, { peer, memory })
    if (made === undefined) throw new Error('the node was not made')
    return { ...participant, ...memory, node: made }
  }

  async #join(
    role: Role,
    host: string,
    makeRole: (parts: Parts) => RoleParts,
    again: { peer?: PeerId; memory?: ProcessMemory } = {}
  ): Promise<Participant> {
    const { clock, random, logger, config } = this
    const network = this.hub.network(again.peer === undefined ? {} : { peer: again.peer })
    const bootstrap = this.#participants[0]?.network.addresses() ?? []
    const { participant, start } = createParticipant(
      { role, host, network, bootstrap, clock, random, logger, config, ...again },
      makeRole
    )
    this.#participants.push(participant)
    await start()
    return participant
  }
}

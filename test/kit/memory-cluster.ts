/**
 * A cluster in one process: StorageNodes, a Controller and clients over a MemoryHub, with short intervals and the machine's own clock.
 *
 *   const cluster = await MemoryCluster.start({ nodes: 3 })
 *   t.teardown(() => cluster.stop())
 *   const edge = await cluster.client()
 *   await edge.chunkRpc.call(cluster.node(0).peer, 'has', …)
 */

import { hkdfSync } from 'node:crypto'
import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts'
import { Controller } from '../../src/controller/controller.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { ChunkStore, Clock, Logger, Random } from '../../src/interfaces.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { StorageNode } from '../../src/node/storage-node.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { CHUNK_PROTOCOL } from '../../src/protocol/limits.ts'
import { chunkMessages, type ChunkMessages, type Target } from '../../src/protocol/messages.ts'
import { chunkPolicy } from '../../src/protocol/policy.ts'
import type { RpcHandlers } from '../../src/protocol/rpc.ts'
import { serve } from '../../src/protocol/rpc-server.ts'
import { type Cell, memoryCell } from '../../src/runtime/cell.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { Role, Term } from '../../src/types.ts'
import { createParticipant } from './participant.ts'
import type { Participant, Parts, RoleParts } from './participant.ts'
import { RecordingController } from './recording-controller.ts'
import { until } from './until.ts'

export type { Participant } from './participant.ts'

/** Short intervals, and limits that a busy machine does not reach by itself. */
export const FAST_CONFIG: ConfigInput = {
  heartbeat: {
    intervalMs: 100,
    suspectAfterMs: 6000,
    downAfterMs: 10_000,
    dialTimeoutMs: 5000,
    redialMs: 100
  },
  replication: { putTimeoutMs: 20_000, getTimeoutMs: 10_000, slowReadMs: 500, owedDelayMs: 500 },
  node: { reportIntervalMs: 20 },
  controller: {
    requestTimeoutMs: 5000,
    retryMs: 20,
    callTimeoutMs: 20_000,
    settleIntervalMs: 100,
    collectIntervalMs: 100,
    owedIntervalMs: 100
  },
  link: { reportIntervalMs: 50 },
  edge: { port: 0, memoryWaitMs: 10_000, stallMs: 5000, stopMs: 1000 }
}

export interface NodeParticipant extends Participant {
  readonly node: StorageNode
  readonly store: ChunkStore
  /** Greatest term the node has obeyed. */
  readonly term: Cell<Term>
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
  #recording: RecordingController | undefined
  readonly #options: MemoryClusterOptions
  readonly #participants: Participant[] = []

  private constructor(options: MemoryClusterOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? systemRandom
    this.logger = options.logger ?? silentLogger
    this.config = parseConfig(mergeSections(FAST_CONFIG, options.config ?? {}))
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
    const term = memoryCell(0 as Term)
    let made: StorageNode | undefined
    const participant = await this.#join('node', host, (parts) => {
      const node = new StorageNode({ ...parts, store, term, host, boot: () => parts.announcer.boot })
      made = node
      return { start: () => node.start(), stop: () => node.stop(), describe: () => node.describe() }
    })
    if (made === undefined) throw new Error('the node was not made')
    const node: NodeParticipant = { ...participant, node: made, store, term }
    this.nodes.push(node)
    return node
  }

  /** A member that says it is a node and answers as the test wants; what is not in `handlers` is refused. */
  async addImpostor(handlers: Partial<RpcHandlers<ChunkMessages>>, host = 'impostor'): Promise<Participant> {
    const refuse = async (): Promise<never> => {
      throw new PeerbinError('bad-request', 'an impostor does not do this')
    }
    const impostor = await this.#join('node', host, (parts) => {
      const server = serve({
        ...parts,
        protocol: CHUNK_PROTOCOL,
        messages: chunkMessages,
        policy: chunkPolicy,
        handlers: {
          put: refuse,
          get: refuse,
          has: refuse,
          list: refuse,
          delete: refuse,
          copy: refuse,
          ...handlers
        }
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

  /** Resolves when every participant sees every other as active, and a leading controller where there is one. */
  async meet(): Promise<void> {
    const everybody = this.#participants
    const leads = this.#controller !== undefined || this.#recording !== undefined
    await until('everybody sees everybody', () =>
      everybody.every((participant) => {
        const seen = participant.membership.all().filter((member) => member.liveness === 'active')
        const hasLeader = seen.some((member) => member.roles.includes('controller') && member.term > 0)
        return (
          everybody.every(({ peer }) => seen.some((member) => member.peer === peer)) && (hasLeader || !leads)
        )
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

  async #addController(): Promise<void> {
    const store = this.#options.metadata ?? new MemoryMetadataStore()
    await this.#join('controller', 'controller-host', (parts) => {
      const controller = new Controller({ ...parts, store })
      this.#controller = controller
      return {
        start: () => controller.start(),
        stop: () => controller.stop(),
        describe: () => controller.describe()
      }
    })
  }

  async #addRecording(): Promise<void> {
    await this.#join('controller', 'controller-host', (parts) => {
      const recording = new RecordingController(parts)
      this.#recording = recording
      return {
        start: async () => {},
        stop: () => recording.stop(),
        describe: async () => ({ term: recording.term })
      }
    })
  }

  async #join(role: Role, host: string, makeRole: (parts: Parts) => RoleParts): Promise<Participant> {
    const { clock, random, logger, config } = this
    const network = this.hub.network()
    const bootstrap = this.#participants[0]?.network.addresses() ?? []
    const { participant, start } = createParticipant(
      { role, host, network, bootstrap, clock, random, logger, config },
      makeRole
    )
    this.#participants.push(participant)
    await start()
    return participant
  }
}

function mergeSections(base: ConfigInput, over: ConfigInput): ConfigInput {
  const sections = new Set([...Object.keys(base), ...Object.keys(over)]) as Set<keyof ConfigInput>
  return Object.fromEntries([...sections].map((section) => [section, { ...base[section], ...over[section] }]))
}

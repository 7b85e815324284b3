/**
 * Controllers, real storage nodes and an edge over the memory network, where time passes only when a test lets it: `pass`, `run` and `until`
 * move the clock, and heartbeats reach everybody every 100 ms of it.
 */

import { Membership } from '../../src/cluster/membership.ts'
import { parseConfig } from '../../src/config.ts'
import type { Config, ConfigInput } from '../../src/config.ts'
import { Controller } from '../../src/controller/controller.ts'
import type { Network } from '../../src/interfaces.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { MemorySnapshotStore } from '../../src/node/store/memory-snapshot-store.ts'
import { NEVER_SCRUBBED } from '../../src/node/scrubber.ts'
import { StorageNode } from '../../src/node/storage-node.ts'
import { ControllerClient } from '../../src/client/controller-client.ts'
import { CHUNK_PROTOCOL, CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import { chunkMessages, controlMessages } from '../../src/protocol/messages.ts'
import type { ChunkMessages, ControlMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import type { RpcCaller } from '../../src/protocol/rpc.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { ChunkId, Heartbeat, PeerId, Role, Term } from '../../src/types.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const HEARTBEAT_MS = 100
const TIMEOUT_MS = 10_000
/** A test that lets so much time pass for one thing has failed. */
const PATIENCE_MS = 120_000

const FAST: ConfigInput = {
  heartbeat: { intervalMs: HEARTBEAT_MS, suspectAfterMs: 1000, downAfterMs: 3000 },
  replication: { owedDelayMs: 1000 },
  node: { reportIntervalMs: 20 },
  controller: {
    settleIntervalMs: 200,
    collectIntervalMs: 200,
    owedIntervalMs: 200,
    requestTimeoutMs: 2000,
    uploadTtlMs: 20_000
  },
  link: { leaseMs: 10_000, leaseMaxMs: 60_000, graceMs: 5000 }
}

export interface Participant {
  readonly peer: PeerId
  readonly role: Role
  readonly network: Network
  readonly membership: Membership
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly controlRpc: RpcCaller<ControlMessages>
  boot: number
  /** While set, nobody hears its heartbeats. */
  silent: boolean
  describe(): Promise<Partial<Heartbeat>>
  stop(): Promise<void>
}

export interface NodeParticipant extends Participant {
  readonly host: string
  readonly store: MemoryChunkStore
  readonly node: StorageNode
  holds(chunk: ChunkId): Promise<boolean>
}

export interface ControllerParticipant extends Participant {
  readonly controller: Controller
  readonly store: MetadataStore
}

export class World {
  readonly clock = new ManualClock()
  readonly random = seededRandom(7)
  readonly hub: MemoryHub
  readonly config: Config
  readonly participants: Participant[] = []
  #sequence = 0
  #beatAt = 0

  constructor(config: ConfigInput = {}) {
    this.hub = new MemoryHub({ clock: this.clock, random: this.random })
    const sections = Object.entries(FAST).map(([name, section]) => [
      name,
      { ...section, ...config[name as keyof ConfigInput] }
    ])
    this.config = parseConfig({ ...config, ...Object.fromEntries(sections) })
  }

  // ------------------------------------------------------------ who takes part

  async addNode(
    host: string,
    again: { peer?: PeerId; store?: MemoryChunkStore } = {}
  ): Promise<NodeParticipant> {
    const { clock, random, config } = this
    const store = again.store ?? new MemoryChunkStore({ clock })
    const base = this.#base('node', again.peer)
    const { network, membership, chunkRpc, controlRpc } = base
    const controller = new ControllerClient({
      rpc: controlRpc,
      membership,
      clock,
      random,
      config: config.controller
    })
    const term = memoryCell<Term>(0 as Term)
    const draining = memoryCell(false)
    const scrub = memoryCell(NEVER_SCRUBBED)
    const snapshots = new MemorySnapshotStore()
    const announce = async (): Promise<void> => await this.beat()
    const boot = (): number => base.boot
    const logger = silentLogger
    const node = new StorageNode({
      network,
      store,
      membership,
      chunkRpc,
      controller,
      term,
      draining,
      scrub,
      snapshots,
      announce,
      boot,
      host,
      clock,
      random,
      logger,
      config
    })
    const participant: NodeParticipant = Object.assign(base, {
      host,
      store,
      node,
      holds: async (chunk: ChunkId) => (await store.stat(chunk)) !== undefined,
      describe: async () => ({ host, ...(await node.describe()) }),
      stop: async () => {
        await node.stop()
        await this.#leave(base)
      }
    })
    await this.#join(participant, () => node.start())
    return participant
  }

  async addController(store: MetadataStore, again: { peer?: PeerId } = {}): Promise<ControllerParticipant> {
    const { clock, random, config } = this
    const base = this.#base('controller', again.peer)
    const { network, membership, chunkRpc } = base
    const logger = silentLogger
    const controller = new Controller({
      network,
      store,
      membership,
      chunkRpc,
      clock,
      random,
      logger,
      config
    })
    const participant: ControllerParticipant = Object.assign(base, {
      controller,
      store,
      describe: () => controller.describe(),
      stop: async () => {
        await controller.stop()
        await this.#leave(base)
      }
    })
    await this.#join(participant, () => controller.start())
    return participant
  }

  async addCaller(role: Role): Promise<Participant> {
    const base = this.#base(role)
    await this.#join(base, async () => {})
    return base
  }

  /** As a kill: nothing is said to anybody. */
  async crash(participant: Participant): Promise<void> {
    this.participants.splice(this.participants.indexOf(participant), 1)
    await participant.network.stop()
  }

  async stop(participant: Participant): Promise<void> {
    this.participants.splice(this.participants.indexOf(participant), 1)
    await this.run(participant.stop())
  }

  async end(): Promise<void> {
    for (const participant of this.participants.toReversed()) await this.stop(participant)
  }

  #base(role: Role, peer?: PeerId): Participant {
    const { clock, config } = this
    const network = this.hub.network(peer === undefined ? {} : { peer })
    const base: Participant = {
      peer: network.self,
      role,
      network,
      membership: new Membership({ clock, ...config.heartbeat }),
      chunkRpc: createCaller({ network, protocol: CHUNK_PROTOCOL, messages: chunkMessages, role, clock }),
      controlRpc: createCaller({
        network,
        protocol: CONTROL_PROTOCOL,
        messages: controlMessages,
        role,
        clock
      }),
      boot: clock.now() + ++this.#sequence,
      silent: false,
      describe: async () => ({}),
      stop: () => this.#leave(base)
    }
    return base
  }

  async #leave(participant: Participant): Promise<void> {
    participant.chunkRpc.close()
    participant.controlRpc.close()
    await participant.network.stop()
  }

  async #join(participant: Participant, start: () => Promise<void>): Promise<void> {
    await participant.network.start()
    await this.run(start())
    for (const other of this.participants) {
      participant.network.learn(other.peer, other.network.addresses())
      other.network.learn(participant.peer, participant.network.addresses())
      await this.run(participant.network.connect(other.peer))
    }
    this.participants.push(participant)
    await this.beat()
  }

  // ------------------------------------------------------------ time

  /** Everybody hears everybody who is not silent. */
  async beat(): Promise<void> {
    this.#beatAt = this.clock.monotonic()
    for (const from of this.participants) {
      if (from.silent) continue
      const heartbeat = await this.#heartbeat(from)
      for (const to of this.participants) to.membership.observe(heartbeat)
    }
  }

  async #heartbeat(from: Participant): Promise<Heartbeat> {
    return {
      peer: from.peer,
      boot: from.boot,
      sequence: ++this.#sequence,
      roles: [from.role],
      addresses: from.network.addresses(),
      host: `host-${from.role}`,
      zone: '',
      tier: 'hot',
      capacityBytes: 0,
      freeBytes: 0,
      usedBytes: 0,
      chunks: 0,
      state: 'active',
      version: '0.0.0-test',
      term: 0 as Term,
      scrubbedAt: 0,
      quarantined: 0,
      ...(await from.describe())
    }
  }

  async pass(ms: number): Promise<void> {
    const until = this.clock.monotonic() + ms
    while (this.clock.monotonic() < until) {
      const next = Math.min(until, this.#beatAt + HEARTBEAT_MS)
      await this.clock.advance(Math.max(0, next - this.clock.monotonic()))
      if (next < until) await this.beat()
    }
  }

  /** Lets time pass, as little as it takes, until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false
    const settled = work.then(
      () => (done = true),
      () => (done = true)
    )
    const limit = this.clock.monotonic() + PATIENCE_MS
    for (await settle(); !done && this.clock.monotonic() < limit;) await this.pass(1)
    if (!done) throw new Error('this did not come to an end')
    await settled
    return await work
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const limit = this.clock.monotonic() + PATIENCE_MS
    while (!(await holds())) {
      if (this.clock.monotonic() > limit) throw new Error(`this did not come about: ${what}`)
      await this.pass(10)
    }
  }

  // ------------------------------------------------------------ messages

  async control<K extends keyof ControlMessages>(
    from: Participant,
    to: Participant,
    op: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<ResponseOf<ControlMessages, K>> {
    const result = await this.run(from.controlRpc.call(to.peer, op, message, { timeoutMs: TIMEOUT_MS }))
    return result.message
  }
}

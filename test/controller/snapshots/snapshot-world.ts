/** Real nodes over a memory network, whose snapshots a test can look at and hold up, and a controller's peer beside them. */

import { createNode, MemoryHub, newClusterKey } from '../../../src/index.ts'
import type { ConfigInput, RunningNode } from '../../../src/index.ts'
import { memoryRoleState } from '../../../src/compose/data-folder.ts'
import type { RoleState } from '../../../src/compose/data-folder.ts'
import { openPeer } from '../../../src/compose/peer.ts'
import type { Peer } from '../../../src/compose/peer.ts'
import { RunningPeer } from '../../../src/compose/running-peer.ts'
import { Leadership } from '../../../src/controller/leadership.ts'
import { hasOtherHosts } from '../../../src/controller/snapshots/holders.ts'
import { SnapshotWriter } from '../../../src/controller/snapshots/node-snapshots.ts'
import { StoreTime } from '../../../src/controller/store-time.ts'
import { PeerbinError } from '../../../src/errors.ts'
import type { SnapshotName } from '../../../src/interfaces.ts'
import type { SnapshotSource } from '../../../src/metadata-store.ts'
import { MemorySnapshotStore } from '../../../src/node/store/memory-snapshot-store.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { systemRandom } from '../../../src/runtime/random.ts'
import type { PeerId, Term } from '../../../src/types.ts'
import { FAST_CONFIG } from '../../kit/fast-config.ts'
import { until } from '../../kit/until.ts'

/** Holds puts up while it is shut; refuses them while it is `failing`. */
export class GatedSnapshots extends MemorySnapshotStore {
  failing = false
  held = 0
  #gate: PromiseWithResolvers<void> | undefined

  shut(): void {
    this.#gate ??= Promise.withResolvers<void>()
  }

  letThrough(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  override async put(name: SnapshotName, bytes: Uint8Array): Promise<void> {
    if (this.failing) throw new PeerbinError('store-failed', 'the disk is broken')
    this.held++
    await this.#gate?.promise
    this.held--
    await super.put(name, bytes)
  }

  /** `base 1.0 0/1`: kind, base, sequence, part, parts. */
  async names(): Promise<string[]> {
    return (await this.list()).map(
      ({ kind, base, sequence, part, parts }) => `${kind} ${base}.${sequence} ${part}/${parts}`
    )
  }
}

/** Metadata that is one growing text. */
export class TextSource implements SnapshotSource {
  text = ''
  /** Changes that are not committed yet. */
  waiting = ''
  /** All that was handed out. */
  given = ''
  bases = 0
  baseBytes = 0
  #shipped = 0
  failing = false

  async commit(): Promise<void> {
    this.text += this.waiting
    this.waiting = ''
  }

  async *base(): AsyncGenerator<Uint8Array> {
    this.bases++
    this.given = this.text
    this.#shipped = this.text.length
    yield Buffer.from(this.text)
    if (this.baseBytes > 0) yield Buffer.alloc(this.baseBytes, 'x')
  }

  async changes(): Promise<Uint8Array | undefined> {
    if (this.failing) throw new Error('the session was lost')
    const changed = this.text.slice(this.#shipped)
    this.#shipped = this.text.length
    this.given += changed
    return changed === '' ? undefined : Buffer.from(changed)
  }
}

export interface WorldNode {
  readonly running: RunningNode
  readonly snapshots: GatedSnapshots
  readonly peer: PeerId
  readonly state: RoleState
  readonly machine: string
}

export class SnapshotWorld {
  readonly hub = new MemoryHub({ clock: systemClock, random: systemRandom })
  readonly cluster = { ...newClusterKey(systemRandom) }
  readonly nodes: WorldNode[] = []
  readonly #config: ConfigInput
  readonly #running: RunningPeer[] = []

  constructor(config: ConfigInput = {}) {
    this.#config = { ...FAST_CONFIG, ...config }
  }

  of(machine: string): {
    config: ConfigInput
    network: (self: PeerId) => ReturnType<MemoryHub['network']>
    cluster: SnapshotWorld['cluster']
  } {
    return {
      cluster: this.cluster,
      config: { ...this.#config, network: { machine } },
      network: (self) => this.hub.network({ peer: self })
    }
  }

  async addNode(machine: string): Promise<WorldNode> {
    const node = await this.#startNode(machine, await memoryRoleState())
    this.nodes.push(node)
    return node
  }

  /** The same node with an empty disk, heard by `peer` in its new life. */
  async restartWiped(node: WorldNode, peer: Pick<Peer, 'membership'>): Promise<WorldNode> {
    const boot = peer.membership.get(node.peer)?.boot ?? 0
    await node.running.stop()
    const restarted = await this.#startNode(node.machine, node.state)
    this.nodes[this.nodes.indexOf(node)] = restarted
    await until('its new life is heard of', () => (peer.membership.get(node.peer)?.boot ?? 0) > boot)
    await this.meet(peer)
    return restarted
  }

  async #startNode(machine: string, state: RoleState): Promise<WorldNode> {
    const snapshots = new GatedSnapshots()
    const running = await createNode({ ...this.of(machine), snapshots, state })
    await this.#start(running)
    return { running, snapshots, peer: running.peerId, state, machine }
  }

  /** What a Shipper and a NoteBook are made of, leading in `term`. */
  async addController(machine: string, term = 7 as Term) {
    const peer = await openPeer('controller', this.of(machine))
    const leadership = new Leadership({ ...peer, self: peer.network.self })
    leadership.begin(term)
    peer.describeBy(async () => ({ term: leadership.leads ? term : (0 as Term) }))
    const running = new RunningPeer(peer, {})
    await this.#start(running)
    await this.meet(peer)
    const { membership, network } = peer
    const writer = new SnapshotWriter({
      rpc: peer.chunkRpc,
      timeoutMs: 2000,
      term: () => leadership.term,
      onStale: () => leadership.lose('a node knows a greater term')
    })
    const counts = (node: PeerId): boolean => {
      const own = membership.get(network.self)?.host
      return !hasOtherHosts(membership.nodeHosts(), own) || membership.get(node)?.host !== own
    }
    const time = new StoreTime(systemClock)
    time.resume(0, 0)
    return {
      ...peer,
      self: network.self,
      secret: peer.cluster.secret,
      config: peer.config.snapshot,
      leadership,
      writer,
      counts,
      time
    }
  }

  /** Resolves when the peer hears every node. */
  async meet(peer: Pick<Peer, 'membership'>): Promise<void> {
    await until('everybody is heard', () =>
      this.nodes.every((node) => peer.membership.get(node.peer)?.liveness === 'active')
    )
  }

  async #start(running: RunningPeer): Promise<void> {
    await running.start()
    this.#running.push(running)
    this.cluster.addresses.push(...running.addresses)
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.snapshots.letThrough()
    for (const running of this.#running.toReversed()) await running.stop()
  }
}

/** A network inside one process, for tests and the simulator: links can be cut, slowed and made lossy. Deterministic, given Clock and Random. */

import { base58btc } from 'multiformats/bases/base58'
import { PeerbinError } from '../errors.ts'
import type {
  ByteStream,
  Clock,
  Network,
  Random,
  SignalOptions,
  StreamHandler,
  TopicListener
} from '../interfaces.ts'
import { HEARTBEAT_BYTES_MAX, STREAMS_PER_PEER_MAX } from '../protocol/limits.ts'
import { sleep, throwIfAborted, withDeadline } from '../runtime/deadline.ts'
import type { Address, PeerId } from '../types.ts'
import { MemoryLinks } from './memory-links.ts'
import type { LinkSettings } from './memory-links.ts'
import { MemoryStream } from './memory-stream.ts'
import type { Carrier } from './memory-stream.ts'

/** Connecting and opening a stream give up after so long, as in libp2p-node.ts. */
const DIAL_TIMEOUT_MS = 5_000
/** Before the 32 bytes of an Ed25519 public key in a peer id: an identity multihash of libp2p's protobuf of the key. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

export class MemoryHub {
  readonly clock: Clock
  readonly #random: Random
  readonly #networks = new Map<PeerId, MemoryNetwork>()
  readonly #links: MemoryLinks

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.clock = deps.clock
    this.#random = deps.random
    this.#links = new MemoryLinks(deps)
  }

  /**
   * A member's network; a fresh peer id and the hub's common secret unless given. Giving a peer id again stands for a restart.
   * @param options.clock the member's own; default: the hub's
   */
  network(options: { peer?: PeerId; clusterSecret?: Uint8Array; clock?: Clock } = {}): Network {
    const peer = options.peer ?? newPeerId(this.#random)
    const secret = Buffer.from(options.clusterSecret ?? new Uint8Array(32)).toString('hex')
    return new MemoryNetwork(
      { hub: this, links: this.#links, clock: options.clock ?? this.clock },
      peer,
      secret
    )
  }

  /** A peer id for a member that is to be made later, or more than once. */
  newPeer(): PeerId {
    return newPeerId(this.#random)
  }

  /** Parts two peers: their connection breaks at once, or with `silent` only falls silent, as when a cable is cut. */
  cut(a: PeerId, b: PeerId, options: { silent?: boolean } = {}): void {
    this.#links.set(a, b, { cut: true })
    this.#links.set(b, a, { cut: true })
    if (options.silent !== true) this.#networks.get(a)?.lose(b)
  }

  /** Lets them reach each other again; what waited on a silent link goes on. */
  heal(a: PeerId, b: PeerId): void {
    this.#links.set(a, b, { cut: false })
    this.#links.set(b, a, { cut: false })
  }

  /** Delay, jitter and loss from `a` to `b`; `cut` here parts one direction silently. */
  setLink(a: PeerId, b: PeerId, settings: Partial<LinkSettings>): void {
    this.#links.set(a, b, settings)
  }

  /** Breaks the connection between `from` and `to` when so many more bytes of streams have gone that way: the rest is lost. */
  breakAfter(from: PeerId, to: PeerId, bytes: number): void {
    this.#links.breakAfter(from, to, bytes, () => this.#networks.get(from)?.lose(to))
  }

  /** Takes a `breakAfter` back. */
  unbreak(from: PeerId, to: PeerId): void {
    this.#links.unbreak(from, to)
  }

  /** Suspends a member's process: nothing reaches it, and what is sent to it waits for `thaw`. */
  freeze(peer: PeerId): void {
    this.#links.freeze(peer)
  }

  thaw(peer: PeerId): void {
    this.#links.thaw(peer)
  }

  /**
   * Ends a member's process without a word. Its connections break, as when the operating system closes them, or with `silent` nobody is told, as
   * when the machine loses its power: they break when somebody uses them after the member's next start.
   */
  crash(peer: PeerId, options: { silent?: boolean } = {}): void {
    this.#links.thaw(peer)
    this.#networks.get(peer)?.crash(options.silent === true)
  }

  /** Lets `to` hear a message of gossip as if `from` had just sent it. */
  replay(from: PeerId, to: PeerId, topic: string, message: Uint8Array): void {
    this.#links.toPeer(to, () => this.#networks.get(to)?.hearAlone(from, topic, message))
  }

  /** Settings of links that have none of their own. */
  setDefaults(settings: Partial<LinkSettings>): void {
    this.#links.setDefaults(settings)
  }

  /** @internal The started network of a peer. */
  find(peer: PeerId): MemoryNetwork | undefined {
    return this.#networks.get(peer)
  }

  /** @internal */
  add(network: MemoryNetwork): void {
    if (this.#networks.has(network.self)) throw new PeerbinError('data-in-use', 'this peer runs already')
    this.#networks.set(network.self, network)
    // connections to an earlier process of this peer are refused by its machine at their next use
    for (const other of this.#networks.values()) if (other !== network) other.forgetConnection(network.self)
  }

  /** @internal */
  remove(network: MemoryNetwork): void {
    if (this.#networks.get(network.self) === network) this.#networks.delete(network.self)
  }
}

class MemoryNetwork implements Network {
  readonly self: PeerId
  readonly #hub: MemoryHub
  readonly #links: MemoryLinks
  readonly #clock: Clock
  readonly #secret: string
  readonly #handlers = new Map<string, StreamHandler>()
  readonly #listeners = new Map<string, TopicListener[]>()
  readonly #known = new Set<PeerId>()
  readonly #evicted = new Set<PeerId>()
  /** Open connections and the streams on each. */
  readonly #connections = new Map<PeerId, Set<MemoryStream>>()
  #state: 'new' | 'started' | 'stopped' = 'new'

  constructor(deps: { hub: MemoryHub; links: MemoryLinks; clock: Clock }, self: PeerId, secret: string) {
    this.#hub = deps.hub
    this.#links = deps.links
    this.#clock = deps.clock
    this.self = self
    this.#secret = secret
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#hub.add(this)
    this.#state = 'started'
  }

  async stop(): Promise<void> {
    if (this.#state === 'started') this.#hub.remove(this)
    this.#state = 'stopped'
    for (const peer of this.connected()) this.lose(peer)
  }

  addresses(): Address[] {
    return this.#state === 'started' ? [`/memory/${this.self}/p2p/${this.self}` as Address] : []
  }

  connected(): PeerId[] {
    return [...this.#connections.keys()]
  }

  learn(peer: PeerId, addresses: Address[]): void {
    if (addresses.length > 0) this.#known.add(peer)
    else this.#known.delete(peer)
  }

  async connect(target: PeerId | Address, options: SignalOptions = {}): Promise<PeerId> {
    throwIfAborted(options.signal)
    const isAddress = target.startsWith('/')
    const peer = (isAddress ? target.slice(target.lastIndexOf('/') + 1) : target) as PeerId
    if (this.#connections.has(peer)) return peer
    if (!isAddress && !this.#known.has(peer)) throw unreachable('no address of the peer is known')
    return await withDeadline(this.#clock, DIAL_TIMEOUT_MS, options.signal, async (signal) => {
      await this.#roundTrip(peer, signal)
      const other = this.#hub.find(peer)
      if (
        this.#state !== 'started' ||
        other === undefined ||
        !this.#accepts(other) ||
        !other.#accepts(this)
      ) {
        throw unreachable('the connection was refused')
      }
      if (!this.#connections.has(peer)) {
        this.#connections.set(peer, new Set())
        other.#accept(this.self)
      }
      return peer
    })
  }

  async open(peer: PeerId, protocol: string, options: SignalOptions = {}): Promise<ByteStream> {
    await this.connect(peer, options)
    return await withDeadline(this.#clock, DIAL_TIMEOUT_MS, options.signal, async (signal) => {
      await this.#roundTrip(peer, signal)
      const other = this.#hub.find(peer)
      const mine = this.#connections.get(peer)
      if (other === undefined || mine === undefined) throw unreachable('the connection was lost')
      const theirs = other.#connections.get(this.self)
      const handler = other.#handlers.get(protocol)
      if (theirs === undefined || handler === undefined) throw unreachable('the peer took no stream')
      if (mine.size >= 4 * STREAMS_PER_PEER_MAX) throw unreachable('too many streams')
      return this.#join(other, mine, theirs, handler)
    })
  }

  handle(protocol: string, handler: StreamHandler): void {
    if (this.#handlers.has(protocol)) throw new PeerbinError('internal', `${protocol} is handled already`)
    this.#handlers.set(protocol, handler)
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    if (message.byteLength > HEARTBEAT_BYTES_MAX) throw new PeerbinError('message-too-large')
    if (this.#state !== 'started') return
    this.#relay(this.self, topic, message.slice(), new Set([this.self]))
  }

  subscribe(topic: string, listener: TopicListener): void {
    this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), listener])
  }

  evict(peer: PeerId): void {
    this.#evicted.add(peer)
    this.#known.delete(peer)
    this.lose(peer)
  }

  /** Breaks the connection with a peer, on both sides at once. */
  lose(peer: PeerId): void {
    this.forgetConnection(peer)
    const other = this.#hub.find(peer)
    if (other !== undefined) other.forgetConnection(this.self)
  }

  /** Ends at once; see MemoryHub.crash. What this process still does reaches nobody. */
  crash(silent: boolean): void {
    if (this.#state !== 'started') return
    this.#hub.remove(this)
    this.#state = 'stopped'
    for (const peer of this.connected()) {
      const other = this.#hub.find(peer)
      if (!silent && other !== undefined) other.forgetConnection(this.self)
    }
    this.#connections.clear()
  }

  /** The connection that is there now is gone; a suspended process sees that later, and may have a new one by then. */
  forgetConnection(peer: PeerId): void {
    const streams = this.#connections.get(peer)
    if (streams !== undefined) this.#links.toPeer(this.self, () => this.#drop(peer, streams))
  }

  /** Gossip that is not passed on. */
  hearAlone(from: PeerId, topic: string, message: Uint8Array): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(from, message.slice())
  }

  #drop(peer: PeerId, streams: ReadonlySet<MemoryStream>): void {
    if (this.#connections.get(peer) === streams) this.#connections.delete(peer)
    for (const stream of streams) stream.lose(unreachable('the connection was lost'))
  }

  /** A peer has connected; what there was of an earlier connection is of no use any more. */
  #accept(peer: PeerId): void {
    this.forgetConnection(peer)
    this.#connections.set(peer, new Set())
  }

  #accepts(other: MemoryNetwork): boolean {
    return this.#secret === other.#secret && !this.#evicted.has(other.self) && this.self !== other.self
  }

  /** There and back over a link that may be slow or cut. */
  async #roundTrip(peer: PeerId, signal: AbortSignal): Promise<void> {
    for (const [from, to] of [
      [this.self, peer],
      [peer, this.self]
    ] as const) {
      await this.#links.untilOpen(from, to, signal) // a cut link may heal while somebody waits
      await sleep(this.#clock, this.#links.delayMs(from, to), signal)
    }
  }

  #join(
    other: MemoryNetwork,
    mine: Set<MemoryStream>,
    theirs: Set<MemoryStream>,
    handler: StreamHandler
  ): ByteStream {
    const here: MemoryStream = new MemoryStream(other.self, this.#carrierTo(other), () => mine.delete(here))
    const there: MemoryStream = new MemoryStream(this.self, other.#carrierTo(this), () =>
      theirs.delete(there)
    )
    here.connect(there)
    there.connect(here)
    mine.add(here)
    theirs.add(there)
    // its errors reset the stream
    void serveStream(there, handler)
    return here
  }

  /** To one process of a peer: what arrives after its end arrives nowhere. */
  #carrierTo(other: MemoryNetwork): Carrier {
    const carry = this.#links.carrier(this.self, other.self)
    return (deliver, bytes) => {
      if (this.#state !== 'started') return
      carry(() => {
        if (other.#state === 'started') deliver()
      }, bytes)
    }
  }

  /** Hands a message to everybody who can be reached from here over open connections, each once. */
  #relay(from: PeerId, topic: string, message: Uint8Array, seen: Set<PeerId>): void {
    for (const peer of this.#connections.keys()) {
      if (seen.has(peer) || this.#links.isCut(this.self, peer) || this.#links.loses(this.self, peer)) continue
      seen.add(peer)
      this.#links.gossip(this.self, peer, () => {
        const other = this.#hub.find(peer)
        if (other !== undefined) other.#hear(from, topic, message, seen)
      })
    }
  }

  #hear(from: PeerId, topic: string, message: Uint8Array, seen: Set<PeerId>): void {
    if (this.#evicted.has(from)) return
    for (const listener of this.#listeners.get(topic) ?? []) listener(from, message.slice())
    this.#relay(from, topic, message, seen)
  }
}

async function serveStream(stream: MemoryStream, handler: StreamHandler): Promise<void> {
  try {
    await handler(stream)
    await stream.closeWrite()
    while ((await stream.read()) !== undefined) continue // nobody wants what still comes
  } catch (error) {
    stream.abort(error instanceof Error ? error : new PeerbinError('internal'))
  }
}

const unreachable = (message: string): PeerbinError => new PeerbinError('peer-unreachable', message)

/** A peer id in form, of a key that nobody holds. */
const newPeerId = (random: Random): PeerId =>
  base58btc.baseEncode(Buffer.concat([PEER_ID_PREFIX, random.bytes(32)])) as PeerId

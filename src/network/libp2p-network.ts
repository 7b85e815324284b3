/** The cluster's network over libp2p: TCP, Noise with the cluster secret, yamux, gossipsub. */

import type { Connection, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { PeerbinError } from '../errors.ts'
import type {
  ByteStream,
  Logger,
  Network,
  SignalOptions,
  StreamHandler,
  TopicListener
} from '../interfaces.ts'
import { HEARTBEAT_BYTES_MAX, STREAMS_PER_PEER_MAX } from '../protocol/limits.ts'
import { systemClock } from '../runtime/clock.ts'
import { abortReason, abortable, deadline, throwIfAborted, withDeadline } from '../runtime/deadline.ts'
import type { Address, PeerId } from '../types.ts'
import { DIAL_TIMEOUT_MS, createNode } from './libp2p-node.ts'
import type { NodeOptions, PeerbinNode } from './libp2p-node.ts'
import { Libp2pStream } from './libp2p-stream.ts'

/** Stopping in order gets so long; then what is left of it is abandoned. */
const STOP_TIMEOUT_MS = 1_500
/** A peer gets so long to end its side after a handler has returned. */
const FINISH_TIMEOUT_MS = 10_000
/** Peers whose addresses are remembered; the oldest make room. */
const KNOWN_PEERS_MAX = 10_000

export interface Libp2pNetworkDeps extends Omit<NodeOptions, 'gater'> {
  readonly logger: Logger
}

/**
 * @param deps.identity private key of newIdentity
 * @param deps.clusterSecret 32 bytes, the same for all members
 * @param deps.listenPort 0: any
 * @param deps.announce multiaddrs in place of those found; empty: those found
 */
export async function createLibp2pNetwork(deps: Libp2pNetworkDeps): Promise<Network> {
  const evicted = new Set<string>()
  const deny = (peer: Libp2pPeerId): boolean => evicted.has(peer.toString())
  const gater = {
    denyDialPeer: deny,
    denyInboundEncryptedConnection: deny,
    denyOutboundEncryptedConnection: deny
  }
  const node = await createNode({ ...deps, gater })
  return new Libp2pNetwork(node, evicted, deps.logger)
}

class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #node: PeerbinNode
  readonly #evicted: Set<string>
  readonly #logger: Logger
  readonly #known = new Map<PeerId, Multiaddr[]>()
  readonly #listeners = new Map<string, TopicListener[]>()
  readonly #handled: Array<Promise<void>> = []
  readonly #streams = new Set<Libp2pStream>()
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(node: PeerbinNode, evicted: Set<string>, logger: Logger) {
    this.#node = node
    this.#evicted = evicted
    this.#logger = logger
    this.self = idOf(node.peerId)
    node.services.pubsub.addEventListener('message', (event) => {
      const message = event.detail
      if (message.type === 'signed') this.#deliver(idOf(message.from), message.topic, message.data)
    })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  addresses(): Address[] {
    return this.#node.getMultiaddrs().map((address) => address.toString() as Address)
  }

  connected(): PeerId[] {
    const open = this.#node.getConnections().filter((connection) => connection.status === 'open')
    return [...new Set(open.map((connection) => idOf(connection.remotePeer)))]
  }

  learn(peer: PeerId, addresses: Address[]): void {
    const parsed = addresses.flatMap((address) => {
      try {
        return [withPeer(multiaddr(address), peer)]
      } catch (error) {
        this.#logger.debug('an address could not be read', { peer, err: error })
        return []
      }
    })
    this.#known.delete(peer) // the newest goes to the end
    this.#known.set(peer, parsed)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_PEERS_MAX) break
      this.#known.delete(oldest)
    }
  }

  async connect(target: PeerId | Address, options: SignalOptions = {}): Promise<PeerId> {
    throwIfAborted(options.signal)
    const { peer, addresses } = this.#resolve(target)
    if (peer !== undefined && this.#connection(peer) !== undefined) return peer
    const connection = await this.#dial(addresses, options.signal)
    return idOf(connection.remotePeer)
  }

  async open(peer: PeerId, protocol: string, options: SignalOptions = {}): Promise<ByteStream> {
    const existing = this.#connection(peer)
    if (existing !== undefined) {
      try {
        return await this.#openOn(existing, protocol, options.signal)
      } catch (error) {
        // it may have been on its way out; one that is still open has given the peer's own answer
        if (options.signal?.aborted === true || existing.status === 'open') throw error
      }
    }
    const connection = await this.#dial(this.#resolve(peer).addresses, options.signal)
    return await this.#openOn(connection, protocol, options.signal)
  }

  handle(protocol: string, handler: StreamHandler): void {
    const limits = { maxInboundStreams: STREAMS_PER_PEER_MAX, maxOutboundStreams: STREAMS_PER_PEER_MAX }
    const onStream = (stream: Stream, connection: Connection): void => {
      const wrapped = this.#wrap(stream, connection)
      // its errors are dealt with inside
      void this.#run(wrapped, protocol, handler)
    }
    this.#handled.push(this.#node.handle(protocol, onStream, limits))
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    if (message.byteLength > HEARTBEAT_BYTES_MAX) throw new PeerbinError('message-too-large')
    if (this.#starting === undefined || this.#stopping !== undefined) return
    try {
      await this.#node.services.pubsub.publish(topic, message)
    } catch (error) {
      // best effort: the next heartbeat follows
      this.#logger.debug('a message could not be published', { topic, err: error })
    }
  }

  subscribe(topic: string, listener: TopicListener): void {
    const listeners = this.#listeners.get(topic) ?? []
    this.#listeners.set(topic, [...listeners, listener])
    if (listeners.length === 0 && this.#node.status === 'started') this.#node.services.pubsub.subscribe(topic)
  }

  evict(peer: PeerId): void {
    this.#evicted.add(peer)
    this.#known.delete(peer)
    const reason = new PeerbinError('peer-unreachable', 'the peer was evicted')
    for (const connection of this.#node.getConnections(peerIdFromString(peer))) connection.abort(reason)
  }

  async #start(): Promise<void> {
    await Promise.all(this.#handled)
    try {
      await this.#node.start()
    } catch (error) {
      // libp2p tells the reason in its message alone
      const isTaken = error instanceof Error && error.message.includes('EADDRINUSE')
      throw new PeerbinError(
        isTaken ? 'address-in-use' : 'config-invalid',
        'the peer network cannot listen there',
        { cause: error }
      )
    }
    for (const topic of this.#listeners.keys()) this.#node.services.pubsub.subscribe(topic)
  }

  async #stop(): Promise<void> {
    const reason = new PeerbinError('shutting-down')
    for (const stream of this.#streams) stream.abort(reason)
    if (this.#starting === undefined) return
    // a start that failed has been reported to whoever started
    await this.#starting.catch(() => undefined)
    try {
      await withDeadline(systemClock, STOP_TIMEOUT_MS, undefined, async () => await this.#node.stop())
    } catch (error) {
      this.#logger.debug('the network did not stop in order', { err: error })
      for (const connection of this.#node.getConnections()) connection.abort(reason)
    }
  }

  #connection(peer: PeerId): Connection | undefined {
    if (this.#evicted.has(peer)) return undefined
    return this.#node
      .getConnections(peerIdFromString(peer))
      .find((connection) => connection.status === 'open')
  }

  /** What to dial. @throws `peer-unreachable` when nothing is known */
  #resolve(target: PeerId | Address): { peer: PeerId | undefined; addresses: Multiaddr[] } {
    if (!target.startsWith('/')) {
      const peer = target as PeerId
      return { peer, addresses: this.#known.get(peer) ?? [] }
    }
    try {
      const address = multiaddr(target)
      return { peer: peerOf(address), addresses: [address] }
    } catch (error) {
      throw new PeerbinError('bad-request', 'not an address', { cause: error })
    }
  }

  async #dial(addresses: Multiaddr[], signal: AbortSignal | undefined): Promise<Connection> {
    if (addresses.length === 0) throw new PeerbinError('peer-unreachable', 'no address of the peer is known')
    using limit = deadline(systemClock, DIAL_TIMEOUT_MS, signal)
    try {
      return await this.#node.dial(addresses, { signal: limit.signal })
    } catch (error) {
      if (signal?.aborted === true) throw abortReason(signal)
      throw new PeerbinError('peer-unreachable', '', { cause: error })
    }
  }

  async #openOn(connection: Connection, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    using limit = deadline(systemClock, DIAL_TIMEOUT_MS, signal)
    const opening = connection.newStream(protocol, {
      signal: limit.signal,
      maxOutboundStreams: STREAMS_PER_PEER_MAX
    })
    try {
      // libp2p looks at the signal only in part of the way
      return this.#wrap(await abortable(opening, limit.signal), connection)
    } catch (error) {
      // a stream that comes too late belongs to nobody
      opening.then(
        (late) => late.abort(abortReason(limit.signal)),
        () => undefined
      )
      if (signal?.aborted === true) throw abortReason(signal)
      throw new PeerbinError('peer-unreachable', 'the peer took no stream', { cause: error })
    }
  }

  #wrap(stream: Stream, connection: Connection): Libp2pStream {
    const wrapped = new Libp2pStream(stream, idOf(connection.remotePeer))
    if (stream.status === 'open') {
      this.#streams.add(wrapped)
      stream.addEventListener('close', () => this.#streams.delete(wrapped), { once: true })
    }
    return wrapped
  }

  async #run(stream: Libp2pStream, protocol: string, handler: StreamHandler): Promise<void> {
    try {
      await handler(stream)
      await stream.finish(FINISH_TIMEOUT_MS)
    } catch (error) {
      this.#logger.debug('a stream was reset', { peer: stream.peer, protocol, err: error })
      stream.abort(error instanceof Error ? error : new PeerbinError('internal'))
    }
  }

  #deliver(from: PeerId, topic: string, data: Uint8Array): void {
    // what an evicted peer signed may still come by way of others
    if (data.byteLength > HEARTBEAT_BYTES_MAX || this.#evicted.has(from) || from === this.self) return
    for (const listener of this.#listeners.get(topic) ?? []) listener(from, data)
  }
}

const idOf = (peer: Libp2pPeerId): PeerId => peer.toString() as PeerId

/** The peer id at the end of an address. */
const peerOf = (address: Multiaddr): PeerId | undefined =>
  address.getComponents().findLast((part) => part.name === 'p2p')?.value as PeerId | undefined

const withPeer = (address: Multiaddr, peer: PeerId): Multiaddr =>
  peerOf(address) === undefined ? address.encapsulate(`/p2p/${peer}`) : address

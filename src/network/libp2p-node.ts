/** The options of libp2p, with the reason for each that is not a default. */

import { isIPv4, isIPv6 } from 'node:net'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { gossipsub } from '@libp2p/gossipsub'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { PeerbinError } from '../errors.ts'
import { FRAME_BYTES_MAX, HEARTBEAT_BYTES_MAX, STREAMS_PER_PEER_MAX } from '../protocol/limits.ts'
import { secretNoise } from './noise.ts'

export type PeerbinNode = Libp2p<{ identify: Identify; pubsub: GossipSub }>

/** One attempt to connect. */
export const DIAL_TIMEOUT_MS = 5_000
/** Connections that are closed in order get so long, then they are cut. */
const CLOSE_TIMEOUT_MS = 500

/** What yamux starts with, and the least it allows; must be the same in every process, or streams are reset. */
const WINDOW_FIRST = 256 * 1024
/**
 * Largest window. Frames are as large as the window, and hold up small requests behind them; larger ones gave no more throughput. With one frame
 * that waits to be read it stays below STREAM_BUFFER_BYTES_MAX.
 */
const WINDOW_MAX = 2 * FRAME_BYTES_MAX
/** A paused stream is reset beyond this; the window must stay well below. */
const READ_BUFFER_MAX = 4 * WINDOW_MAX

/** Streams of one connection: several protocols, each with STREAMS_PER_PEER_MAX. */
const STREAMS_MAX = 4 * STREAMS_PER_PEER_MAX

/** Gossip to one peer that does not take it: then the stream is reset and opened again. */
const GOSSIP_BUFFER_MAX = 1024 * 1024
/** One gossip frame, which may hold several heartbeats that were asked for again. */
const GOSSIP_FRAME_MAX = 64 * HEARTBEAT_BYTES_MAX

export interface NodeOptions {
  readonly identity: Uint8Array
  readonly clusterSecret: Uint8Array
  readonly listenHost: string
  readonly listenPort: number
  readonly announce: readonly string[]
  readonly connectionsMax: number
  readonly gater: ConnectionGater
}

/** Not started. @throws `config-invalid` for a host that is no IP address. */
export async function createNode(options: NodeOptions): Promise<PeerbinNode> {
  return await createLibp2p({
    start: false,
    nodeInfo: { userAgent: 'peerbin' },
    privateKey: privateKeyFromProtobuf(options.identity),
    addresses: {
      listen: [listenAddress(options.listenHost, options.listenPort)],
      announce: [...options.announce]
    },
    transports: [tcp()],
    connectionEncrypters: [secretNoise(options.clusterSecret)],
    streamMuxers: [
      yamux({
        maxInboundStreams: STREAMS_MAX,
        maxOutboundStreams: STREAMS_MAX,
        // those that come before our side of a connection is set up: the default of 10 would cut it
        maxEarlyStreams: STREAMS_MAX,
        streamOptions: {
          initialStreamWindowSize: WINDOW_FIRST,
          maxStreamWindowSize: WINDOW_MAX,
          maxReadBufferLength: READ_BUFFER_MAX
        }
      })
    ],
    connectionGater: options.gater,
    connectionManager: {
      maxConnections: options.connectionsMax,
      // the default of 5 a second and address would keep a cluster on one machine from starting
      inboundConnectionThreshold: 10_000,
      maxIncomingPendingConnections: 256,
      dialTimeout: DIAL_TIMEOUT_MS,
      connectionCloseTimeout: CLOSE_TIMEOUT_MS,
      // connecting again is the announcer's work, which knows who is a member
      reconnectRetries: 0
    },
    // its pings time out on busy connections and would cut them
    connectionMonitor: { abortConnectionOnPingFailure: false },
    services: { identify: identify(), pubsub: gossip() }
  })
}

/** Messages so large are worth telling others not to send them again. */
const IDONTWANT_BYTES_MIN = 16 * 1024

const gossip = (): ReturnType<typeof gossipsub> =>
  gossipsub({
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    maxOutboundBufferSize: GOSSIP_BUFFER_MAX,
    maxInboundDataLength: GOSSIP_FRAME_MAX,
    // A message comes from every neighbour: only its first coming is to cost a verification. Signatures of Ed25519 name what they sign, and one is
    // remembered only once it was verified.
    fastMsgIdFn: ({ signature }) => Buffer.from(signature ?? []).toString('base64'),
    // to tell everybody that a heartbeat has come costs more than the heartbeat
    idontwantMinDataSize: IDONTWANT_BYTES_MIN,
    // members are trusted with the cluster secret; scores would silence the 11th process of a machine, and busy ones
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 }
  })

function listenAddress(host: string, port: number): string {
  if (isIPv4(host)) return `/ip4/${host}/tcp/${port}`
  if (isIPv6(host)) return `/ip6/${host}/tcp/${port}`
  throw new PeerbinError('config-invalid', `network.host: ${host} is not an IP address`)
}

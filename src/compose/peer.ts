/** What every role has in common: an identity, the network, the members, its heartbeat, and callers of both protocols. */

import { hostname } from 'node:os'
import { Announcer } from '../cluster/announcer.ts'
import type { SelfDescription } from '../cluster/announcer.ts'
import { Membership } from '../cluster/membership.ts'
import { ControllerClient } from '../client/controller-client.ts'
import { parseConfig } from '../config.ts'
import type { Config, ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger, Network, Random } from '../interfaces.ts'
import { createLibp2pNetwork } from '../network/libp2p-network.ts'
import { CHUNK_PROTOCOL, CONTROL_PROTOCOL } from '../protocol/limits.ts'
import { chunkMessages, controlMessages } from '../protocol/messages.ts'
import type { ChunkMessages, ControlMessages } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { createCaller } from '../protocol/rpc-client.ts'
import { systemClock } from '../runtime/clock.ts'
import { silentLogger } from '../runtime/logger.ts'
import { systemRandom } from '../runtime/random.ts'
import type { Address, PeerId, Role } from '../types.ts'
import { VERSION } from '../version.ts'
import { parseJoinString, settleClusterKey } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { mergeConfig, readFolderConfig } from './config-sources.ts'
import { memoryRoleState, openRoleState } from './data-folder.ts'
import type { RoleState } from './data-folder.ts'
import { chooseListen, joinAddresses } from './listening.ts'
import { rememberTerms, risingCell } from './term-memory.ts'

/** What createNode, createController, createEdge and createClient take. */
export interface PeerOptions {
  /** Data folder of this role alone; made when it is not there. Absent: everything is in memory and gone at the end. */
  data?: string | undefined
  /** What the role remembers over restarts, in place of a folder: the simulator keeps it itself. */
  state?: RoleState | undefined
  /** Join string of the cluster. A data folder remembers it, so that later starts need none. */
  join?: string | undefined
  /** The same, decoded: name, secret and addresses. */
  cluster?: ClusterKey | undefined
  /** Settings; they win over `config.json` in the data folder. */
  config?: ConfigInput | undefined
  /** A network to use in place of libp2p, not started: one of a MemoryHub, say. As a function it is told the peer id that the data folder remembers. */
  network?: Network | ((self: PeerId) => Network) | undefined
  /** Default: no logs. */
  logger?: Logger | undefined
  clock?: Clock | undefined
  random?: Random | undefined
  /**
   * Called once when a write or fsync of the role's store failed, so that nobody knows what is on the disk: it acknowledges nothing more until it is
   * started anew (a node still serves what it has). The command line ends the process then. It is logged in any case. Must not throw.
   */
  onFailure?: ((failure: PeerbinError) => void) | undefined
}

/** What a role adds to the heartbeat; the rest comes from the settings. */
type RoleDescription = Partial<Omit<SelfDescription, 'roles' | 'host' | 'zone' | 'tier'>>

/** A member of the cluster that is not started yet. */
export interface Peer {
  readonly role: Role
  readonly state: RoleState
  readonly config: Config
  readonly cluster: ClusterKey
  readonly network: Network
  readonly membership: Membership
  readonly announcer: Announcer
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly controlRpc: RpcCaller<ControlMessages>
  readonly controller: ControllerClient
  /** Machine this process is on, as placement sees it. */
  readonly host: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The cluster's key with this peer's own addresses first, for others to join by; after the start. */
  joinKey(): ClusterKey
  /** Tells that the role's store can acknowledge nothing more. */
  reportFailure(failure: PeerbinError): void
  /** Says what the heartbeat tells of this role; before the start. */
  describeBy(describe: () => Promise<RoleDescription>): void
  /** Gives back what was opened, network excluded. Idempotent. */
  close(): void
}

/** @param makeKey a key for a new cluster, for roles that may found one; without it a cluster must be given. */
export async function openPeer(
  role: Role,
  options: PeerOptions,
  makeKey?: (random: Random) => ClusterKey
): Promise<Peer> {
  const opened = options.state ?? (await openState(options.data))
  const state = { ...opened, term: risingCell(opened.term) }
  try {
    const given = options.join === undefined ? options.cluster : parseJoinString(options.join)
    const random = options.random ?? systemRandom
    const cluster =
      (await settleClusterKey(state.folder, given)) ??
      (makeKey === undefined ? undefined : await settleClusterKey(state.folder, makeKey(random)))
    if (cluster === undefined)
      throw new PeerbinError('join-string-invalid', 'no join string was given: which cluster is this for?')
    return await assemble(role, options, state, cluster)
  } catch (error) {
    state.close()
    throw error
  }
}

const openState = (folder: string | undefined): Promise<RoleState> =>
  folder === undefined ? memoryRoleState() : openRoleState(folder)

async function assemble(
  role: Role,
  options: PeerOptions,
  state: RoleState,
  cluster: ClusterKey
): Promise<Peer> {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const input = mergeConfig(
    state.folder === undefined ? {} : await readFolderConfig(state.folder),
    options.config ?? {}
  )
  const config = parseConfig(input)
  const logger = options.logger ?? silentLogger
  const { network, joinKey } = await openNetwork({ options, state, cluster, input, config, logger })
  const membership = new Membership({
    clock,
    suspectAfterMs: config.heartbeat.suspectAfterMs,
    downAfterMs: config.heartbeat.downAfterMs
  })
  const host = config.network.machine === '' ? hostname() : config.network.machine
  const parts = { role, state, config, cluster, network, membership, host, clock, random, logger, joinKey }
  let describe: () => Promise<RoleDescription> = async () => ({})
  const forgetTerms = rememberTerms(membership, state.term, logger)
  const callers = openCallers(role, network, clock)
  return {
    ...parts,
    announcer: openAnnouncer(parts, () => describe()),
    chunkRpc: callers.chunk,
    controlRpc: callers.control,
    controller: new ControllerClient({
      ...parts,
      rpc: callers.control,
      config: config.controller,
      term: state.term
    }),
    reportFailure: (failure) => {
      logger.error('a write failed: nothing is acknowledged until a restart', { err: failure })
      options.onFailure?.(failure)
    },
    describeBy: (describeRole) => {
      describe = describeRole
    },
    close: () => {
      forgetTerms()
      callers.chunk.close()
      callers.control.close()
      state.close()
    }
  }
}

function openAnnouncer(
  parts: Omit<
    Peer,
    'announcer' | 'chunkRpc' | 'controlRpc' | 'controller' | 'reportFailure' | 'describeBy' | 'close'
  >,
  describe: () => Promise<RoleDescription>
): Announcer {
  const { role, state, config, cluster, host } = parts
  return new Announcer({
    ...parts,
    config: config.heartbeat,
    version: VERSION,
    boot: state.boot,
    peers: state.peers,
    bootstrap: cluster.addresses,
    greatestTerm: () => state.term.get(),
    describe: async () => ({
      ...STORES_NOTHING,
      roles: [role],
      host,
      zone: config.network.zone,
      tier: config.network.tier,
      ...(await describe())
    })
  })
}

/** Heartbeat of a role that holds no chunks. */
const STORES_NOTHING = {
  capacityBytes: 0,
  freeBytes: 0,
  usedBytes: 0,
  chunks: 0,
  state: 'active',
  term: 0 as SelfDescription['term'],
  scrubbedAt: 0,
  quarantined: 0
} as const

interface NetworkNeeds {
  options: PeerOptions
  state: RoleState
  cluster: ClusterKey
  input: ConfigInput
  config: Config
  logger: Logger
}

async function openNetwork(needs: NetworkNeeds): Promise<Pick<Peer, 'network' | 'joinKey'>> {
  const { options, state, cluster, input, config, logger } = needs
  if (options.network !== undefined) {
    const given = typeof options.network === 'function' ? options.network(state.self) : options.network
    return { network: given, joinKey: () => ({ ...cluster, addresses: addressesOf(given) }) }
  }
  const listen = await chooseListen(state, input, cluster.addresses)
  const network = await createLibp2pNetwork({
    identity: state.identity,
    clusterSecret: cluster.secret,
    listenHost: listen.host,
    listenPort: listen.port,
    announce: listen.announce,
    connectionsMax: config.network.connectionsMax,
    logger
  })
  return { network, joinKey: () => ({ ...cluster, addresses: joinAddresses(listen, network.self) }) }
}

/** Those of a network in memory are known before it starts: its peers are found by their id alone. */
function addressesOf(network: Network): Address[] {
  const addresses = network.addresses()
  return addresses.length > 0 ? addresses : [`/p2p/${network.self}` as Address]
}

function openCallers(
  role: Role,
  network: Network,
  clock: Clock
): { chunk: RpcCaller<ChunkMessages>; control: RpcCaller<ControlMessages> } {
  const shared = { network, role, clock }
  return {
    chunk: createCaller({ ...shared, protocol: CHUNK_PROTOCOL, messages: chunkMessages }),
    control: createCaller({ ...shared, protocol: CONTROL_PROTOCOL, messages: controlMessages })
  }
}

/** One member of a cluster in one process: what every role is made of, put together around a role. */

import { ControllerClient } from '../../src/client/controller-client.ts'
import { Announcer, type KnownPeers, type SelfDescription } from '../../src/cluster/announcer.ts'
import { Membership } from '../../src/cluster/membership.ts'
import type { Config } from '../../src/config.ts'
import type { Clock, Logger, Network, Random } from '../../src/interfaces.ts'
import { CHUNK_PROTOCOL, CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import {
  chunkMessages,
  type ChunkMessages,
  controlMessages,
  type ControlMessages
} from '../../src/protocol/messages.ts'
import type { RpcCaller } from '../../src/protocol/rpc.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { type Cell, memoryCell } from '../../src/runtime/cell.ts'
import type { Address, PeerId, Role, Term } from '../../src/types.ts'

/** One process's worth of a cluster: a place on the hub, the members it sees, and callers of both protocols. */
export interface Participant {
  readonly peer: PeerId
  readonly host: string
  readonly role: Role
  readonly network: Network
  readonly membership: Membership
  readonly announcer: Announcer
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly controlRpc: RpcCaller<ControlMessages>
  /** Client of the leading controller. */
  readonly controller: ControllerClient
  stop(): Promise<void>
}

/** What every role is made of. */
export interface Parts {
  readonly network: Network
  readonly membership: Membership
  readonly announcer: Announcer
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly controlRpc: RpcCaller<ControlMessages>
  readonly controller: ControllerClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
}

/** What a role adds to its own network before that is started, and to its heartbeat. */
export interface RoleParts {
  describe?: () => Promise<Partial<SelfDescription>>
  start: () => Promise<void>
  stop: () => Promise<void>
}

export interface ParticipantOptions {
  role: Role
  host: string
  /** Not started yet. */
  network: Network
  bootstrap: Address[]
  clock: Clock
  random: Random
  logger: Logger
  config: Config
  /** What the process remembers over a restart; default: nothing. */
  memory?: ProcessMemory
}

/** Goes from one start of a process to the next. */
export interface ProcessMemory {
  readonly boot: Cell<number>
  readonly peers: Cell<KnownPeers>
}

export const newProcessMemory = (): ProcessMemory => ({
  boot: memoryCell(0),
  peers: memoryCell<KnownPeers>({})
})

const STORES_NOTHING: Omit<SelfDescription, 'roles' | 'host'> = {
  capacityBytes: 0,
  freeBytes: 0,
  usedBytes: 0,
  chunks: 0,
  state: 'active',
  zone: '',
  tier: 'hot',
  term: 0 as Term,
  scrubbedAt: 0,
  quarantined: 0
}

/** Makes a participant; `start` has to be called before it takes part. */
export function createParticipant(
  options: ParticipantOptions,
  makeRole: (parts: Parts) => RoleParts
): { participant: Participant; start: () => Promise<void> } {
  const { role, host, network, bootstrap, clock, random, config } = options
  const logger = options.logger.child({ who: `${role} ${host}` })
  const membership = new Membership({ clock, ...config.heartbeat })
  const shared = { network, role, clock }
  const chunkRpc = createCaller({ ...shared, protocol: CHUNK_PROTOCOL, messages: chunkMessages })
  const controlRpc = createCaller({ ...shared, protocol: CONTROL_PROTOCOL, messages: controlMessages })
  const controller = new ControllerClient({
    rpc: controlRpc,
    membership,
    clock,
    random,
    config: config.controller
  })
  let describe: () => Promise<Partial<SelfDescription>> = async () => ({})
  const announcer = new Announcer({
    network,
    membership,
    clock,
    random,
    logger,
    config: config.heartbeat,
    version: '0.0.0-test',
    ...(options.memory ?? newProcessMemory()),
    bootstrap,
    describe: async () => ({ ...STORES_NOTHING, roles: [role], host, ...(await describe()) })
  })
  const parts = {
    network,
    membership,
    announcer,
    chunkRpc,
    controlRpc,
    controller,
    clock,
    random,
    logger,
    config
  }
  const made = makeRole(parts)
  describe = made.describe ?? describe
  const stop = async (): Promise<void> => {
    await made.stop()
    await announcer.stop()
    chunkRpc.close()
    controlRpc.close()
    await network.stop()
  }
  const participant: Participant = { ...parts, peer: network.self, host, role, stop: once(stop) }
  const start = async (): Promise<void> => {
    await network.start()
    await made.start()
    await announcer.start()
  }
  return { participant, start }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return async () => await (done ??= work())
}

/** A short-lived member for an operator's command: joins, finds the leading controller, does one thing, and leaves. */

import type { ControllerClient } from '../client/controller-client.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Config, ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger, Network, Random } from '../interfaces.ts'
import type { ChunkMessages, ControlMessages } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { memoryCell } from '../runtime/cell.ts'
import { abortReason, deadline } from '../runtime/deadline.ts'
import { cleanAccountPassword, newChallenge, passwordTag, recordOf } from '../protocol/password.ts'
import { cleanUserName } from '../protocol/user-names.ts'
import { randomUuid } from '../runtime/random.ts'
import type { Address, PasswordRecord, PeerId, UserId, UserRecord } from '../types.ts'
import { clusterOf } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { memoryRoleState } from './data-folder.ts'
import { readHomeMemory } from './home-memory.ts'
import { openPeer } from './peer.ts'
import type { Peer } from './peer.ts'
import { RunningPeer } from './running-peer.ts'

export interface AdminOptions {
  /** In place of the cluster the home belongs to. */
  readonly join?: ClusterKey | undefined
  /** Addresses where a member may be found, beside those of the join string and those the home remembers. */
  readonly peers?: readonly Address[] | undefined
  readonly config?: ConfigInput | undefined
  /** A network to use in place of libp2p, as in PeerOptions. */
  readonly network?: Network | ((self: PeerId) => Network) | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  /** Ends the wait for a controller, and is handed on to `work`. */
  readonly signal?: AbortSignal | undefined
  /** How long to look for a leading controller; default: `controller.requestTimeoutMs`. */
  readonly findMs?: number | undefined
}

/** What `work` may use. */
export interface Admin {
  /** Calls the leading controller, and repeats what a moment may heal. */
  readonly controller: ControllerClient
  /** For messages whose answer has a body: to `leader()`, without repeats. */
  readonly controlRpc: RpcCaller<ControlMessages>
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly membership: Membership
  readonly cluster: ClusterKey
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal | undefined
  /** @throws `no-controller` */
  leader(): PeerId
}

/**
 * Joins the cluster that `home` belongs to as an admin, waits until a leading controller is heard, runs `work`, and leaves in any case. The home's own
 * processes may run meanwhile.
 * @throws `join-string-invalid` when no cluster is known or the home belongs to another one, `no-controller` when none is heard in time, the signal's
 * reason, and what `work` throws
 */
export async function withAdmin<T>(
  home: string,
  options: AdminOptions,
  work: (admin: Admin) => Promise<T>
): Promise<T> {
  const cluster = await clusterOf(home, options.join)
  const memory = await readHomeMemory(home)
  const { config, network, logger, clock, signal } = options
  const peer = await openPeer('admin', {
    state: { ...(await memoryRoleState()), term: memoryCell(memory.term) },
    cluster: {
      ...cluster,
      addresses: [...new Set([...(options.peers ?? []), ...cluster.addresses, ...memory.addresses])]
    },
    config,
    network,
    logger,
    clock
  })
  const running = new RunningPeer(peer, {})
  try {
    await running.start()
    await heardLeader(peer, options.findMs ?? peer.config.controller.requestTimeoutMs, signal)
    return await work(adminOf(peer, signal))
  } finally {
    await running.stop()
  }
}

function adminOf(peer: Peer, signal: AbortSignal | undefined): Admin {
  const { controller, controlRpc, chunkRpc, membership, cluster, config, clock, random } = peer
  const leader = (): PeerId => {
    const found = leaderIn(membership)
    if (found === undefined) throw new PeerbinError('no-controller')
    return found
  }
  return { controller, controlRpc, chunkRpc, membership, cluster, config, clock, random, signal, leader }
}

/** Of two with one term the greater peer id leads (controller/leadership.ts). */
export function leaderIn(membership: Membership): PeerId | undefined {
  const leading = membership.active('controller').filter((member) => member.term > 0)
  return leading.toSorted((a, b) => b.term - a.term || (a.peer < b.peer ? 1 : -1))[0]?.peer
}

async function heardLeader(peer: Peer, findMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { membership, clock } = peer
  if (leaderIn(membership) !== undefined) return
  using limit = deadline(clock, findMs, signal)
  await new Promise<void>((resolve, reject) => {
    const settle = (end: () => void): void => {
      unwatch()
      limit.signal.removeEventListener('abort', onAbort)
      end()
    }
    const onAbort = (): void =>
      settle(() =>
        reject(
          signal?.aborted === true
            ? abortReason(signal)
            : new PeerbinError(
                'no-controller',
                'No leading controller was heard. Does the cluster run, and can this machine reach it?'
              )
        )
      )
    const unwatch = membership.onChange(() => {
      if (leaderIn(membership) !== undefined) settle(resolve)
    })
    limit.signal.addEventListener('abort', onAbort, { once: true })
    if (limit.signal.aborted) onAbort()
  })
}

/** What `peerbin admin create` does: a new administrator, whoever else there is. @throws `invalid-field`, `name-taken` */
export async function createAdmin(
  admin: Pick<Admin, 'controller' | 'random'>,
  { name, password }: { name: string; password: string }
): Promise<UserRecord> {
  const clean = cleanUserName(name, 'name')
  const id = randomUuid(admin.random) as UserId
  const record = await newRecord(admin, password)
  return (await admin.controller.call('createAdmin', { id, name: clean, password: record })).user
}

/**
 * Another password for somebody who has forgotten theirs. They are signed out everywhere; their API keys go on unless `keys` says that they end too.
 * @throws `invalid-field`, `user-unknown`
 */
export async function resetPassword(
  admin: Pick<Admin, 'controller' | 'random'>,
  { name, password, keys = false }: { name: string; password: string; keys?: boolean }
): Promise<UserRecord> {
  const record = await newRecord(admin, password)
  return (await admin.controller.call('resetPassword', { name, password: record, keys })).user
}

/** Hashed here, at the cost that the controller asks for: the password itself is told to nobody. */
async function newRecord(
  { controller, random }: Pick<Admin, 'controller' | 'random'>,
  text: string
): Promise<PasswordRecord> {
  const password = cleanAccountPassword(text)
  const { cost } = await controller.call('accountState', {})
  const challenge = newChallenge(cost, random)
  return recordOf(challenge, await passwordTag(password, challenge))
}

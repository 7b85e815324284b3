/** Who is there when a controller is to be replaced, and whether it may be. */

import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { Generation, PeerId, Term } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'

const NODES_AT_ONCE = 16
/** A look at the members, while nodes are gathered. */
const LOOK_MS = 250
/** A node that has not counted its chunks since its start does so now. */
const INFO_TIMEOUT_MS = 60_000
/** Terms and generations above this do not come from here: whatever says so is confused, and following it would leave no room. */
const NUMBER_MAX = 2 ** 52

export interface FoundNode {
  readonly peer: PeerId
  readonly host: string
  readonly chunks: number
  readonly term: Term
  readonly generation: Generation
  /** How long ago it heard a controller; null: never in its present boot. */
  readonly controllerHeardMsAgo: number | null
}

export interface RecoveryPeer {
  readonly self: PeerId
  readonly membership: Membership
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config
}

/**
 * Waits `snapshot.gatherMs` for nodes to be heard, or until all of those that are awaited were, and asks each what it knows. @param refusal `recovery-refused` or `restore-refused`: thrown when a controller leads, when a
 * node heard one within `snapshot.recoverQuietMs`, when no node was found, or when one does not answer
 */
export async function gatherNodes(
  peer: RecoveryPeer,
  refusal: ErrorCode,
  { signal, awaited }: { signal: AbortSignal | undefined; awaited?: ReadonlySet<PeerId> }
): Promise<FoundNode[]> {
  const { membership, clock, config } = peer
  const until = clock.monotonic() + config.snapshot.gatherMs
  for (;;) {
    refuseLeader(peer, refusal)
    const leftMs = until - clock.monotonic()
    const heard = new Set(membership.active('node').map((node) => node.peer))
    if (leftMs <= 0 || (awaited !== undefined && [...awaited].every((peer) => heard.has(peer)))) break
    await sleep(clock, Math.min(LOOK_MS, leftMs), signal)
  }
  const active = membership.active('node')
  if (active.length === 0)
    throw new PeerbinError(
      refusal,
      'No node of the cluster was found. Give the address of one that runs with --peer, or use a join string or a data folder of a machine that is still there.'
    )
  const nodes = await inParallel(active, NODES_AT_ONCE, (node) => ask(peer, node.peer, refusal, signal))
  refuseHeard(nodes, { quietMs: config.snapshot.recoverQuietMs, sinceMs: 0 }, refusal)
  return nodes
}

/**
 * Looks once more, when everything is done: the old controller may have been suspended, and have gone on meanwhile.
 * @param since monotonic; whoever heard a controller after that has heard one that is not gone
 * @throws as gatherNodes
 */
export async function refuseReturned(
  peer: RecoveryPeer,
  found: readonly FoundNode[],
  refusal: ErrorCode,
  { signal, since }: { signal: AbortSignal | undefined; since: number }
): Promise<void> {
  const { membership, clock, config } = peer
  refuseLeader(peer, refusal)
  const asked = new Set([...found, ...membership.active('node')].map((node) => node.peer))
  const nodes = await inParallel([...asked], NODES_AT_ONCE, (node) => ask(peer, node, refusal, signal))
  const sinceMs = clock.monotonic() - since
  refuseHeard(nodes, { quietMs: config.snapshot.recoverQuietMs, sinceMs }, refusal)
}

function refuseLeader({ self, membership }: RecoveryPeer, refusal: ErrorCode): void {
  const leader = membership.active('controller').find((other) => other.peer !== self && other.term > 0)
  if (leader === undefined) return
  throw new PeerbinError(
    refusal,
    `The controller ${leader.peer} on ${leader.host} leads this cluster right now. Only one that is gone for good may be replaced.`
  )
}

function refuseHeard(
  nodes: readonly FoundNode[],
  { quietMs, sinceMs }: { quietMs: number; sinceMs: number },
  refusal: ErrorCode
): void {
  const last = nodes.reduce<FoundNode | undefined>(
    (best, node) =>
      (node.controllerHeardMsAgo ?? Infinity) < (best?.controllerHeardMsAgo ?? Infinity) ? node : best,
    undefined
  )
  const heardMs = last?.controllerHeardMsAgo ?? null
  if (last === undefined || heardMs === null || heardMs >= Math.max(quietMs, sinceMs)) return
  const leftMs = Math.max(0, quietMs - heardMs)
  throw new PeerbinError(
    refusal,
    `The node ${last.peer} on ${last.host} heard the controller ${Math.round(heardMs / 1000)} s ago. ` +
      `If its machine is really gone, try again in ${Math.ceil(leftMs / 1000)} s; if not, start it again instead.`,
    { retryAfterMs: leftMs }
  )
}

async function ask(
  { chunkRpc, config }: RecoveryPeer,
  node: PeerId,
  refusal: ErrorCode,
  signal: AbortSignal | undefined
): Promise<FoundNode> {
  const timeoutMs = Math.max(INFO_TIMEOUT_MS, config.controller.requestTimeoutMs)
  try {
    const { message } = await chunkRpc.call(
      node,
      'recoveryInfo',
      {},
      { timeoutMs, ...(signal && { signal }) }
    )
    const { host, chunks, term, generation, controllerHeardMsAgo } = message
    if (term > NUMBER_MAX || generation > NUMBER_MAX)
      throw new PeerbinError('protocol-violation', 'it speaks of terms or generations that cannot be')
    return { peer: node, host, chunks, term, generation, controllerHeardMsAgo }
  } catch (error) {
    if (signal?.aborted === true) throw error
    // it may be the one that knows the greatest term, or the newest snapshot
    throw new PeerbinError(refusal, `The node ${node} is there but does not answer; restart or stop it.`, {
      cause: error
    })
  }
}

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Network, StepResult, Worker } from '../../interfaces.ts'
import type { Membership } from '../../cluster/membership.ts'
import type { MetadataStore, NodeDecision } from '../../metadata-store.ts'
import { RETIRED_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages, ControlMessages, RequestOf } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { Member, PeerId } from '../../types.ts'
import { hasCode } from '../../errors.ts'
import type { Leadership } from '../leadership.ts'
import type { StoreTime } from '../store-time.ts'
import type { NodeRecorder } from '../workers/node-recorder.ts'
import { someSilent } from './cluster-view.ts'
import type { NodeView } from './cluster-view.ts'
import { drainRefusal, isSafe, retireRefusal } from './leave-rules.ts'
import type { Leaving, LeavingNodes } from './leaving-nodes.ts'
import type { NodeWatch } from './node-watch.ts'

export interface OperatorDecisionsDeps {
  readonly network: Network
  readonly store: MetadataStore
  readonly membership: Membership
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly leadership: Leadership
  readonly time: StoreTime
  readonly nodes: NodeRecorder
  readonly clock: Clock
  readonly config: Config
  readonly logger: Logger
  readonly watch: NodeWatch
  readonly leaving: LeavingNodes
  /** All chunks have to be looked at again. */
  readonly onChanged: () => void
}

/** When a node that is being emptied had said so, and since when every chunk it can hold is known to be reserved. Monotonic. */
interface Drain {
  agreedAtMs: number | undefined
  fencedAtMs: number | undefined
}

/**
 * What operators decided about nodes: takes it in, keeps it durable, tells the nodes until their heartbeats agree, and forgets those that were retired, step by step.
 */
export class OperatorDecisions implements Worker {
  readonly name = 'node-decisions'
  readonly idleMs: number
  readonly #deps: OperatorDecisionsDeps
  readonly #drains = new Map<PeerId, Drain>()
  /** When a node was told last; monotonic ms. */
  readonly #toldAtMs = new Map<PeerId, number>()
  /** Retired, and not forgotten by the store yet. */
  readonly #forgetting = new Set<PeerId>()
  /** Retired, and when this process hangs up: they shall hear of it in a heartbeat before. Monotonic ms. */
  readonly #partingAtMs = new Map<PeerId, number>()

  constructor(deps: OperatorDecisionsDeps) {
    this.#deps = deps
    this.idleMs = deps.config.controller.owedIntervalMs
  }

  /** Retired nodes, the newest first. */
  get retired(): PeerId[] {
    return this.#deps.watch.decided('retired').slice(0, RETIRED_MAX)
  }

  async restore(): Promise<void> {
    for (const decision of await this.#deps.store.listDecisions()) this.#apply(decision)
  }

  /** Of a node that is being emptied: how far that is; null for others. */
  drainOf(peer: PeerId): { chunksLeft: number; bytesLeft: number; safe: boolean } | null {
    const { watch } = this.#deps
    if (watch.decisionOf(peer) !== 'draining') return null
    const leaving = this.#deps.leaving.of(peer, watch.look())
    if (leaving === undefined) return { chunksLeft: 0, bytesLeft: 0, safe: false } // not looked at yet
    return { chunksLeft: leaving.chunks, bytesLeft: leaving.bytes, safe: this.#isSafe(peer, leaving) }
  }

  /** @throws `node-unknown`, `node-retired`, `drain-refused` */
  async drain({ peer, draining }: RequestOf<ControlMessages, 'drainNode'>): Promise<Record<string, never>> {
    const { store, time, watch, config, logger, onChanged } = this.#deps
    this.#nodeOf(peer)
    if ((watch.decisionOf(peer) === 'draining') === draining) return {}
    const refusal = draining ? drainRefusal(peer, watch.look(), config.replication) : undefined
    if (refusal !== undefined)
      throw new PeerbinError('drain-refused', `${peer} cannot be emptied: ${refusal}.`)
    const decidedAt = time.now()
    await store.decideNode(peer, draining ? 'draining' : null, decidedAt)
    this.#drains.delete(peer)
    this.#toldAtMs.delete(peer)
    if (draining) this.#apply({ peer, decision: 'draining', decidedAt })
    else watch.decide(peer, undefined)
    logger.info(draining ? 'a node is being emptied' : 'a node is no longer being emptied', { peer })
    onChanged()
    return {}
  }

  /** @throws `node-unknown`, `retire-refused` */
  async retire({ peer, force }: RequestOf<ControlMessages, 'retireNode'>): Promise<{ lastCopies: number }> {
    const { store, time, watch, leaving, logger, onChanged } = this.#deps
    if (watch.decisionOf(peer) === 'retired') return { lastCopies: 0 }
    const node = this.#nodeOf(peer)
    const left = leaving.of(peer, watch.look())
    const refusal = retireRefusal(
      {
        isHeard: node.fate === 'alive',
        draining: node.draining,
        safe: left !== undefined && this.#isSafe(peer, left),
        leaving: left,
        othersSilent: someSilent(peer, watch.look())
      },
      force
    )
    if (refusal !== undefined)
      throw new PeerbinError('retire-refused', `${peer} cannot be forgotten: ${refusal}.`)
    const lastCopies = left?.lastCopies ?? 0
    const decidedAt = time.now()
    await store.decideNode(peer, 'retired', decidedAt)
    this.#drains.delete(peer)
    this.#apply({ peer, decision: 'retired', decidedAt })
    logger.warn('a node was retired', { peer, host: node.member.host, force, lastCopies })
    onChanged()
    return { lastCopies }
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const view = this.#deps.watch.look()
    for (const node of view.nodes.values()) {
      if (signal.aborted) return 'idle'
      await this.#tell(node.member, signal)
      await this.#follow(node)
    }
    this.#part()
    return (await this.#forget()) ? 'busy' : 'idle'
  }

  #nodeOf(peer: PeerId): NodeView {
    const { watch } = this.#deps
    if (watch.decisionOf(peer) === 'retired') throw new PeerbinError('node-retired')
    const node = watch.look().nodes.get(peer)
    if (node === undefined) throw new PeerbinError('node-unknown', `${peer} is no node of this cluster.`)
    return node
  }

  #apply(decision: NodeDecision): void {
    const { watch } = this.#deps
    watch.decide(decision.peer, decision)
    if (decision.decision === 'draining') {
      this.#drains.set(decision.peer, { agreedAtMs: undefined, fencedAtMs: undefined })
      return
    }
    this.#forgetting.add(decision.peer)
    this.#leave(decision.peer)
  }

  /** Nobody here listens to it, or counts on it, any more. */
  #leave(peer: PeerId): void {
    const { membership, nodes, clock, config } = this.#deps
    nodes.ignore(peer)
    membership.retire(peer)
    this.#partingAtMs.set(peer, clock.monotonic() + config.heartbeat.suspectAfterMs)
  }

  #part(): void {
    const { network, clock } = this.#deps
    for (const [peer, atMs] of this.#partingAtMs) {
      if (clock.monotonic() < atMs) continue
      this.#partingAtMs.delete(peer)
      network.evict(peer)
    }
  }

  /** Sends the decision again as long as the node's heartbeat says otherwise. */
  async #tell(member: Member, signal: AbortSignal): Promise<void> {
    const { chunkRpc, leadership, watch, clock, config, logger } = this.#deps
    const draining = watch.decisionOf(member.peer) === 'draining'
    const agrees = (member.state === 'draining') === draining
    // a node that is full or read-only takes nothing either, and may never say anything else
    const isUrgent = member.state === 'active' || member.state === 'draining'
    if (agrees || member.liveness !== 'active' || !leadership.leads) return
    const nowMs = clock.monotonic()
    const pauseMs = isUrgent ? config.heartbeat.suspectAfterMs : config.heartbeat.downAfterMs
    const toldAtMs = this.#toldAtMs.get(member.peer)
    if (toldAtMs !== undefined && nowMs - toldAtMs < pauseMs) return
    this.#toldAtMs.set(member.peer, nowMs)
    try {
      const options = { signal, timeoutMs: config.controller.requestTimeoutMs }
      await chunkRpc.call(member.peer, 'setDraining', { term: leadership.term, draining }, options)
    } catch (error) {
      if (signal.aborted) return
      if (hasCode(error, 'term-stale')) leadership.lose('a node knows a greater term', { peer: member.peer })
      logger.debug('a node could not be told that it is to be emptied', { peer: member.peer, err: error })
    }
  }

  /**
   * Once everybody has had time to hear that a node takes no more chunks, and what was on its way there has arrived, whatever it holds belongs to a generation that was
   * given out by then. One more look at all chunks then tells what still needs it.
   */
  async #follow({ member, fate }: NodeView): Promise<void> {
    const { store, clock, config, leaving, onChanged } = this.#deps
    const drain = this.#drains.get(member.peer)
    if (drain === undefined || leaving.isFenced(member.peer)) return
    const nowMs = clock.monotonic()
    const agrees = member.state !== 'active' || fate !== 'alive'
    drain.agreedAtMs = agrees ? (drain.agreedAtMs ?? nowMs) : undefined
    const settleMs = config.heartbeat.suspectAfterMs + config.replication.putTimeoutMs
    if (drain.agreedAtMs === undefined || nowMs - drain.agreedAtMs < settleMs) return
    leaving.fence(member.peer, await store.lastGeneration())
    if (!leaving.isFenced(member.peer)) return // no look at it has begun yet
    drain.fencedAtMs = nowMs
    onChanged()
  }

  /** An upload that was open when the node took its last chunk has ended, or was given up, after this time: no longer than that is it waited for. */
  #isSafe(peer: PeerId, leaving: Leaving): boolean {
    const { clock, config, watch } = this.#deps
    const fencedAtMs = this.#drains.get(peer)?.fencedAtMs
    if (fencedAtMs === undefined) return false
    // it was counted before they fell silent
    if (someSilent(peer, watch.look())) return false
    const waitedForUploads = clock.monotonic() - fencedAtMs >= config.controller.uploadTtlMs
    return isSafe(waitedForUploads ? { ...leaving, open: 0 } : leaving, this.#deps.leaving.isFenced(peer))
  }

  /** One step of forgetting; says whether there is more to forget. */
  async #forget(): Promise<boolean> {
    const { store, config } = this.#deps
    const [peer] = this.#forgetting
    if (peer === undefined) return false
    const forgotten = await store.forgetNode(peer, config.controller.batchMax)
    if (forgotten === 0) this.#forgetting.delete(peer)
    return this.#forgetting.size > 0
  }
}

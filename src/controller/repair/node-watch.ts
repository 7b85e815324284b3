import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import type { Clock } from '../../interfaces.ts'
import type { NodeDecision } from '../../metadata-store.ts'
import type { Member, PeerId } from '../../types.ts'
import { viewOf } from './cluster-view.ts'
import type { ClusterView } from './cluster-view.ts'
import { fateOf, pauseOf } from './node-fates.ts'
import type { FateConfig, Observation, Pause } from './node-fates.ts'

export interface NodeWatchDeps {
  readonly membership: Membership
  readonly clock: Clock
  readonly config: Config
}

interface Seen {
  silentSince: number
  drained: boolean
}

/**
 * Remembers since when each node is silent, and what operators decided, and makes of it the view by which chunks are judged. Somebody has to look regularly: silence is
 * measured between looks. A node that this process has not heard yet counts from its own start, so that a controller that just started gives nobody up.
 */
export class NodeWatch {
  readonly #deps: NodeWatchDeps
  readonly #fates: FateConfig
  readonly #seen = new Map<PeerId, Seen>()
  readonly #decisions = new Map<PeerId, NodeDecision>()
  #lookedAt: number
  #pause: Pause | undefined

  constructor(deps: NodeWatchDeps) {
    this.#deps = deps
    this.#fates = { ...deps.config.repair, downAfterMs: deps.config.heartbeat.downAfterMs }
    this.#lookedAt = deps.clock.monotonic()
  }

  /** Takes in decisions, or that one was taken back. */
  decide(peer: PeerId, decision: NodeDecision | undefined): void {
    this.#decisions.delete(peer) // so that a new one is the last
    if (decision !== undefined) this.#decisions.set(peer, decision)
  }

  decisionOf(peer: PeerId): NodeDecision['decision'] | undefined {
    return this.#decisions.get(peer)?.decision
  }

  /** Peers with that decision, the newest first. */
  decided(decision: NodeDecision['decision']): PeerId[] {
    return [...this.#decisions.values()]
      .filter((each) => each.decision === decision)
      .toSorted((a, b) => b.decidedAt - a.decidedAt)
      .map(({ peer }) => peer)
  }

  /** As of the last look. */
  get pause(): Pause | undefined {
    return this.#pause
  }

  look(): ClusterView {
    const { membership, clock, config } = this.#deps
    const nowMs = clock.monotonic()
    const nodes = membership
      .all()
      .filter((member) => member.roles.includes('node') && this.decisionOf(member.peer) !== 'retired')
    this.#listen(nodes, nowMs)
    const observed = nodes.map((member) => ({ member, observation: this.#observationOf(member, nowMs) }))
    this.#pause = pauseOf(
      observed.map(({ observation }) => observation),
      nowMs,
      this.#fates
    )
    const views = observed.map(({ member, observation }) => ({
      member,
      fate: fateOf(observation, nowMs, this.#fates),
      draining: this.#isDraining(member)
    }))
    return viewOf(views, config.replication)
  }

  /**
   * Who is active is silent since now at the earliest. When this process itself stood still for long, nobody could be heard: that time is no silence of
   * others. (Half of `downAfterMs` is short enough that less of it gives nobody up.)
   */
  #listen(nodes: readonly Member[], nowMs: number): void {
    const sinceMs = nowMs - this.#lookedAt
    const deafMs = sinceMs > this.#fates.downAfterMs / 2 ? sinceMs : 0
    this.#lookedAt = nowMs
    const known = new Set(nodes.map((member) => member.peer))
    for (const peer of this.#seen.keys()) if (!known.has(peer)) this.#seen.delete(peer)
    for (const member of nodes) {
      const seen = this.#seen.get(member.peer)
      if (seen === undefined || member.liveness === 'active') {
        this.#seen.set(member.peer, { silentSince: nowMs, drained: this.#isDraining(member) })
      } else seen.silentSince = Math.min(nowMs, seen.silentSince + deafMs)
    }
  }

  #observationOf(member: Member, nowMs: number): Observation {
    const seen = this.#seen.get(member.peer) ?? { silentSince: nowMs, drained: false }
    return { ...seen, active: member.liveness === 'active' }
  }

  #isDraining(member: Member): boolean {
    return this.decisionOf(member.peer) === 'draining' || member.state === 'draining'
  }
}

/** The nodes as repair judges chunks by them. Pure. */

import type { Member, PeerId } from '../../types.ts'
import type { Fate } from './node-fates.ts'

export interface NodeView {
  readonly member: Member
  readonly fate: Fate
  /** It is being emptied: an operator decided so, or the node says so itself. */
  readonly draining: boolean
}

/** Nodes that were retired are not in it, nor is anybody who is no node. */
export interface ClusterView {
  readonly nodes: ReadonlyMap<PeerId, NodeView>
  /**
   * Copies every chunk should have now: as many as are configured, or as there are nodes that live and are not being emptied. One that is silent for a moment lives: when it
   * is this process that hears nobody, chunks do not need less.
   */
  readonly wanted: number
  /** Copies without which no node may leave a chunk: as many as are configured, but never fewer than uploads need. See `enoughWithout`. */
  readonly rule: CopyRule
  /**
   * And if those that are silent now return, and those that are being emptied stay: no copy is too many before. So a node that is emptied keeps what the others
   * could not hold as often as configured, until it is switched off.
   */
  readonly kept: number
  /** Nodes that may be given chunks, if they have room. */
  readonly targets: readonly Member[]
  /** Nodes of the cold tier that live and are not being emptied. */
  readonly coldNodes: number
  /** Zones of the nodes that live and are not being emptied. */
  readonly zones: number
}

/** `replication.copies` and `replication.copiesMin`. */
export interface CopyRule {
  readonly copies: number
  readonly copiesMin: number
}

export function viewOf(nodes: readonly NodeView[], rule: CopyRule): ClusterView {
  const alive = nodes.filter((node) => !node.draining && node.fate === 'alive').map(({ member }) => member)
  return {
    nodes: new Map(nodes.map((node) => [node.member.peer, node])),
    wanted: Math.min(rule.copies, alive.length),
    rule,
    kept: Math.min(rule.copies, nodes.filter((node) => node.fate !== 'gone').length),
    targets: alive.filter((member) => member.liveness === 'active' && member.state === 'active'),
    coldNodes: alive.filter((member) => member.tier === 'cold').length,
    zones: new Set(alive.map((member) => member.zone)).size
  }
}

/** Sure copies a chunk must have on nodes that stay before that one may leave it: on as many of the others as may still hold it, and on two in any case. */
export function enoughWithout(peer: PeerId, { nodes, rule }: ClusterView): number {
  const others = [...nodes.values()].filter(
    (node) => node.member.peer !== peer && !node.draining && node.fate !== 'gone'
  )
  return Math.max(rule.copiesMin, Math.min(rule.copies, others.length))
}

/** Somebody who lives is not heard right now: what is known of the copies may be about to change. */
export const someSilent = (peer: PeerId, { nodes }: ClusterView): boolean =>
  [...nodes.values()].some(
    ({ member, fate }) => member.peer !== peer && fate === 'alive' && member.liveness !== 'active'
  )

/** Changes when chunks have to be looked at again: a node came, went for good, returned, started again, moved, or is to be emptied (or not any more). */
export const signatureOf = (view: ClusterView): string =>
  [...view.nodes.values()]
    .map(({ member, fate, draining }) =>
      [member.peer, member.boot, fate, draining, member.host, member.zone, member.tier].join()
    )
    .sort()
    .join(';')

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
  /** Copies every chunk should have now: as many as are configured, or as there are active nodes that are not being emptied. */
  readonly wanted: number
  /**
   * And if those that are silent now return, and those that are being emptied stay: no copy is too many before. So a node that is emptied keeps what the others
   * could not hold as often as configured, until it is switched off.
   */
  readonly kept: number
  /** Nodes that may be given chunks, if they have room. */
  readonly targets: readonly Member[]
  /** Active nodes of the cold tier that are not being emptied. */
  readonly coldNodes: number
  /** Zones of the active nodes that are not being emptied. */
  readonly zones: number
}

export function viewOf(nodes: readonly NodeView[], copies: number): ClusterView {
  const staying = nodes.filter((node) => !node.draining && node.fate !== 'gone')
  const active = staying.filter(({ member }) => member.liveness === 'active').map(({ member }) => member)
  return {
    nodes: new Map(nodes.map((node) => [node.member.peer, node])),
    wanted: Math.min(copies, active.length),
    kept: Math.min(copies, nodes.filter((node) => node.fate !== 'gone').length),
    targets: active.filter((member) => member.state === 'active'),
    coldNodes: active.filter((member) => member.tier === 'cold').length,
    zones: new Set(active.map((member) => member.zone)).size
  }
}

/** Changes when chunks have to be looked at again: a node came, went for good, returned, started again, moved, or is to be emptied (or not any more). */
export const signatureOf = (view: ClusterView): string =>
  [...view.nodes.values()]
    .map(({ member, fate, draining }) =>
      [member.peer, member.boot, fate, draining, member.host, member.zone, member.tier].join()
    )
    .sort()
    .join(';')

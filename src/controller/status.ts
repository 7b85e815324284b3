/** What `peerbin status` shows. */

import type { Membership } from '../cluster/membership.ts'
import type { ClusterStatus } from '../protocol/messages.ts'
import type { WorkerReport } from '../runtime/worker-loop.ts'
import type { Member, Term } from '../types.ts'
import type { RecentStats } from './recent-stats.ts'

/** Most nodes in one answer: the schema's limit, far above what one controller is made for. */
const NODES_MAX = 1024

export interface StatusDeps {
  stats: RecentStats
  membership: Membership
  copies: number
}

/** Full replication: as many copies as are wanted, or as there are active nodes if that is less. */
export const copiesWanted = (copies: number, membership: Membership): number =>
  Math.min(copies, membership.active('node').length)

const nodeStatus = (member: Member): ClusterStatus['nodes'][number] => ({
  peer: member.peer,
  addresses: member.addresses,
  host: member.host,
  zone: member.zone,
  tier: member.tier,
  capacityBytes: member.capacityBytes,
  freeBytes: member.freeBytes,
  usedBytes: member.usedBytes,
  chunks: member.chunks,
  state: member.state,
  liveness: member.liveness,
  version: member.version,
  lastHeartbeatAt: member.lastHeartbeatAt
})

export async function clusterStatus(
  deps: StatusDeps,
  controller: { term: Term; now: number; workers: WorkerReport[] }
): Promise<ClusterStatus> {
  const { membership, copies } = deps
  const stats = await deps.stats.get(copiesWanted(copies, membership))
  const nodes = membership.all().filter((member) => member.roles.includes('node'))
  return { ...stats, ...controller, nodes: nodes.slice(0, NODES_MAX).map(nodeStatus) }
}

/** What `peerbin status` shows. */

import type { Membership } from '../cluster/membership.ts'
import { NODES_MAX } from '../protocol/limits.ts'
import type { ClusterStatus } from '../protocol/messages.ts'
import type { WorkerReport } from '../runtime/worker-loop.ts'
import type { Member, Term } from '../types.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { RecentStats } from './recent-stats.ts'
import type { Repair } from './repair/repair.ts'
import type { Scrubs } from './scrubs.ts'
import type { Snapshots } from './snapshots/snapshots.ts'

export interface StatusDeps {
  stats: RecentStats
  repair: Repair
  inventory: Inventory
  snapshots: Snapshots
  scrubs: Scrubs
  membership: Membership
  copies: number
}

/** Full replication: as many copies as are wanted, or as there are active nodes if that is less. */
export const copiesWanted = (copies: number, membership: Membership): number =>
  Math.min(copies, membership.active('node').length)

const nodeStatus = (
  member: Member,
  { repair, inventory }: Pick<StatusDeps, 'repair' | 'inventory'>
): ClusterStatus['nodes'][number] => ({
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
  lastHeartbeatAt: member.lastHeartbeatAt,
  scrubbedAt: member.scrubbedAt,
  quarantined: member.quarantined,
  reconciledAt: inventory.reconciledAt(member.peer),
  drain: repair.drainOf(member.peer)
})

export async function clusterStatus(
  deps: StatusDeps,
  controller: { term: Term; now: number; workers: WorkerReport[] }
): Promise<ClusterStatus> {
  const { membership, copies } = deps
  const stats = await deps.stats.get(copiesWanted(copies, membership))
  const nodes = membership.all().filter((member) => member.roles.includes('node'))
  return {
    ...stats,
    ...controller,
    repair: deps.repair.status(),
    collector: deps.inventory.status(),
    snapshot: deps.snapshots.status(),
    scrub: deps.scrubs.status(),
    nodes: nodes.slice(0, NODES_MAX).map((member) => nodeStatus(member, deps))
  }
}

/** Between what membership knows of a node and what is stored of it. Pure. */

import type { NodeRecord } from '../metadata-store.ts'
import type { Heartbeat, Member } from '../types.ts'
import { NO_TERM } from './leadership.ts'

/** Space used and last-seen change all the time; they are stored so seldom. After a restart they are at most so old, beside the outage. */
export const REFRESH_MS = 15_000

export const recordOf = (member: Member): NodeRecord => ({
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
  version: member.version,
  boot: member.boot,
  sequence: member.sequence,
  lastSeenAt: member.lastHeartbeatAt
})

/** The heartbeat a record was made from, as far as it is stored. */
export const heartbeatOf = (record: NodeRecord): Heartbeat => ({
  peer: record.peer,
  boot: record.boot,
  sequence: record.sequence,
  roles: ['node'],
  addresses: record.addresses,
  host: record.host,
  zone: record.zone,
  tier: record.tier,
  capacityBytes: record.capacityBytes,
  freeBytes: record.freeBytes,
  usedBytes: record.usedBytes,
  chunks: record.chunks,
  state: record.state,
  version: record.version,
  term: NO_TERM,
  scrubbedAt: 0, // not stored: the node says it again with its next heartbeat
  quarantined: 0
})

/** Who and where the node is: a change of these is stored at once. */
const identityOf = (record: NodeRecord): string =>
  JSON.stringify([
    record.boot,
    record.addresses,
    record.host,
    record.zone,
    record.tier,
    record.capacityBytes,
    record.state,
    record.version
  ])

/** Whether `next` is worth a write, when `stored` is what was written last. */
export function worthRecording(stored: NodeRecord | undefined, next: NodeRecord): boolean {
  if (stored === undefined) return true
  if (next.boot < stored.boot || (next.boot === stored.boot && next.sequence <= stored.sequence)) return false
  return identityOf(stored) !== identityOf(next) || next.lastSeenAt - stored.lastSeenAt >= REFRESH_MS
}

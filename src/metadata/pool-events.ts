/** What events of pools say: both stores build them here, so that they agree to the letter. */

import { poolStream } from '../pools.ts'
import type { BatchRecord, GroupRecord, PoolId, PoolMember, PoolRecord } from '../pools.ts'
import type { EventData, EventType } from '../events.ts'
import { actorData, isoTime } from './event-facts.ts'
import type { EventActor, NewEvent } from './event-facts.ts'

interface Told {
  at: number
  actor: EventActor
}

/** As it is now. */
export const poolEvent = ({ id, name, state, revision }: PoolRecord, { at, actor }: Told): NewEvent => ({
  stream: poolStream(id),
  type: state === 'deleting' ? 'pool.deleted' : 'pool.changed',
  at,
  subject: id,
  data: { name, ...(state !== 'deleting' && { state, revision }), ...actorData(actor) }
})

export const memberEvent = (
  type: 'member.joined' | 'member.changed' | 'member.removed',
  { pool, user, name, role }: Pick<PoolMember, 'pool' | 'user' | 'name' | 'role'>,
  { at, actor }: Told
): NewEvent => ({
  stream: poolStream(pool),
  type,
  at,
  subject: user,
  data: { user, name, role, ...actorData(actor) }
})

/** @param groups how many groups its files went into */
export const batchEvent = (
  { id, pool, member, files, bytes, duplicates }: BatchRecord,
  { at, memberName, groups }: { at: number; memberName: string; groups: number }
): NewEvent => ({
  stream: poolStream(pool),
  type: 'batch.committed',
  at,
  subject: id,
  data: { batch: id, member, member_name: memberName, files, bytes, duplicates, groups }
})

type GroupEventType = Extract<EventType, `group.${string}`>

/** As the group is after the change. @param more of failures: `reason`, `final`; who did it, where somebody did */
export function groupEvent(type: GroupEventType, group: GroupRecord, at: number, more?: EventData): NewEvent {
  const { result } = group
  return {
    stream: poolStream(group.pool),
    type,
    at,
    subject: group.id,
    data: {
      group: group.id,
      start: isoTime(group.start),
      end: isoTime(group.end),
      generation: group.generation,
      late: group.isLate,
      files: group.files,
      bytes: group.bytes,
      producers: group.producers,
      fence: group.fence,
      attempts: group.attempts,
      ...(result !== null && {
        result_bytes: result.sizeBytes,
        result_sha256: result.sha256,
        result_name: result.name,
        result_expires: isoTime(result.expiresAt)
      }),
      ...more
    }
  }
}

const SILENT_NAMED_MAX = 10

/** Producers that became silent together, by name. */
export const silentEvent = (pool: PoolId, names: readonly string[], at: number): NewEvent => ({
  stream: poolStream(pool),
  type: 'producers.silent',
  at,
  subject: pool,
  data: { count: names.length, names: names.slice(0, SILENT_NAMED_MAX).join(',') }
})

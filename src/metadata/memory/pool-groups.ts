import { PeerbinError } from '../../errors.ts'
import type { PoolRecords } from '../../metadata-pools.ts'
import type { GroupFile, GroupId, GroupProducer, GroupRecord, PoolId } from '../../pools.ts'
import type { EntryId, UserId } from '../../types.ts'
import { byBytes } from '../entry-rules.ts'
import { actorData } from '../event-facts.ts'
import { groupEvent } from '../pool-events.ts'
import { byWindow } from '../pool-group-rules.ts'
import { closedGroup } from '../pool-rules.ts'
import { eventActor, writeEvent } from './events.ts'
import type { GroupRow, PoolFileRow, PoolRow } from './pool-state.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

type Request<Name extends keyof PoolRecords> = Parameters<PoolRecords[Name]>[0]

export const copyOfGroup = ({ record }: GroupRow): GroupRecord => structuredClone(record)

/** Undefined for one that is not known, or is being deleted. */
export function livePool(state: State, id: PoolId): PoolRow | undefined {
  const pool = state.pools.get(id)
  return pool === undefined || pool.record.state === 'deleting' ? undefined : pool
}

export function getGroup(state: State, pool: PoolId, id: GroupId): GroupRecord | undefined {
  const row = state.pools.get(pool)?.groups.get(id)
  return row && copyOfGroup(row)
}

/** @throws `group-unknown` */
export function knownGroup(state: State, pool: PoolId, id: GroupId): GroupRow {
  const row = state.pools.get(pool)?.groups.get(id)
  if (row === undefined) throw new PeerbinError('group-unknown')
  return row
}

export function listGroups(
  state: State,
  { pool, state: is, from, to, before, limit }: Request<'listGroups'>
): GroupRecord[] {
  const { groups } = state.pools.get(pool) ?? { groups: new Map<GroupId, GroupRow>() }
  return [...groups.values()]
    .filter(({ record }) => is === undefined || record.state === is)
    .filter(
      ({ record: { start } }) => (from === undefined || start >= from) && (to === undefined || start < to)
    )
    .filter(({ record }) => before === undefined || byWindow(record, before) < 0)
    .toSorted((a, b) => byWindow(b.record, a.record))
    .slice(0, limit)
    .map(copyOfGroup)
}

/** Of whatever pool: ids of groups are their own. */
const findGroup = (state: State, id: GroupId): GroupRow | undefined =>
  [...state.pools.values()].map(({ groups }) => groups.get(id)).find((row) => row !== undefined)

const nameOf = (state: State, user: UserId): string => state.users.get(user)?.record.name ?? ''

interface Place {
  member: UserId
  at: number
  name: string
}

const byPlace = (a: Place, b: Place): number =>
  byText(a.member, b.member) || a.at - b.at || byBytes(a.name, b.name)

const groupFileOf = (state: State, { file, batch, member, entry }: PoolFileRow): GroupFile[] =>
  entry === null
    ? []
    : [{ ...structuredClone(file), batch, member, memberName: nameOf(state, member), entry }]

/** Files that have their content, in the order of lists. */
export const filesOf = (row: GroupRow): PoolFileRow[] =>
  row.files
    .filter(({ entry }) => entry !== null)
    .toSorted((a, b) => byPlace({ member: a.member, ...a.file }, { member: b.member, ...b.file }))

export function listGroupFiles(
  state: State,
  { group, after, limit }: Request<'listGroupFiles'>
): GroupFile[] {
  const row = findGroup(state, group)
  if (row === undefined) return []
  return filesOf(row)
    .flatMap((file) => groupFileOf(state, file))
    .filter((file) => after === undefined || byPlace(file, after) > 0)
    .slice(0, limit)
}

export function getGroupFile(state: State, group: GroupId, entry: EntryId): GroupFile | undefined {
  const file = findGroup(state, group)?.files.find((each) => each.entry === entry)
  return file && groupFileOf(state, file)[0]
}

export function listGroupProducers(
  state: State,
  { group, after, limit }: Request<'listGroupProducers'>
): GroupProducer[] {
  return [...(findGroup(state, group)?.producers ?? [])]
    .map(([user, counted]) => ({ user, name: nameOf(state, user), ...counted }))
    .filter(({ user }) => after === undefined || user > after)
    .toSorted((a, b) => byText(a.user, b.user))
    .slice(0, limit)
}

export function closeGroup(state: State, { pool, group: id, now, by }: Request<'closeGroup'>): GroupRecord {
  const row = knownGroup(state, pool, id)
  if (row.record.state !== 'open') return copyOfGroup(row)
  row.record = closedGroup(row.record, now)
  writeEvent(state, groupEvent('group.closed', row.record, now, actorData(eventActor(state, by))))
  return copyOfGroup(row)
}

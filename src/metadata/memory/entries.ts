import { PeerbinError } from '../../errors.ts'
import type { EntryPage, EntryRecords, ListEntries } from '../../metadata-store.ts'
import type { EntryId, EntryRecord, UserId, VersionRecord } from '../../types.ts'
import { foldPath } from '../../bundle/paths.ts'
import { cursorOf } from '../../metadata-entries.ts'
import { compareEntries, insideOf, isAt, placeOf, versionConflict } from '../entry-rules.ts'
import { changeData } from '../event-facts.ts'
import { noteFile } from './event-notes.ts'
import { claimPath, findPath, isBlocked, releasePath } from './entry-paths.ts'
import type { EntryRow, PathRow, State, VersionRow } from './state.ts'

/** @param version that must count @throws `file-unknown`, `version-conflict` */
export function liveEntry(state: State, id: EntryId, version?: number): EntryRow {
  const row = state.entries.get(id)
  if (row === undefined || row.isDeleted) throw new PeerbinError('file-unknown')
  if (version !== undefined && version !== row.shown) throw versionConflict(row.shown)
  return row
}

/** Those that have not ended, the newest first. */
export const versionsOf = (row: EntryRow): VersionRow[] =>
  [...row.versions.values()]
    .filter(({ dropAt }) => dropAt === undefined)
    .toSorted((a, b) => b.record.number - a.record.number)

export const isFailed = ({ record }: VersionRow): boolean => record.file === null

export function recordOf(row: EntryRow): EntryRecord {
  const { id, owner, path, createdAt, changedAt, expiresAt } = row
  const current = row.versions.get(row.shown)
  if (current === undefined) throw new PeerbinError('internal', 'an entry without a version')
  const failed =
    versionsOf(row).find((each) => isFailed(each) && each.record.number > row.shown)?.record ?? null
  return structuredClone({
    id,
    owner,
    path,
    createdAt,
    changedAt,
    expiresAt,
    current: current.record,
    failed
  })
}

export function getEntry(state: State, id: EntryId): EntryRecord | undefined {
  const row = state.entries.get(id)
  return row === undefined || row.isDeleted ? undefined : recordOf(row)
}

export function findEntry(
  state: State,
  owner: UserId,
  path: string
): { entry: EntryRecord | undefined; next: number; isBlocked: boolean } {
  const id = findPath(state, owner, path)?.entry
  const row = id === undefined ? undefined : state.entries.get(id)
  if (row === undefined) return { entry: undefined, next: 1, isBlocked: isBlocked(state, owner, path) }
  return { entry: recordOf(row), next: row.last + 1, isBlocked: false }
}

export function getVersion(state: State, id: EntryId, version: number): VersionRecord | undefined {
  const row = state.entries.get(id)
  const found = row === undefined || row.isDeleted ? undefined : row.versions.get(version)
  return found === undefined || found.dropAt !== undefined ? undefined : structuredClone(found.record)
}

export const listVersions = (
  state: State,
  id: EntryId,
  before: number | undefined,
  limit: number
): VersionRecord[] => {
  const row = state.entries.get(id)
  if (row === undefined || row.isDeleted) return []
  return versionsOf(row)
    .filter(({ record }) => before === undefined || record.number < before)
    .slice(0, limit)
    .map(({ record }) => structuredClone(record))
}

export function listEntries(state: State, request: ListEntries): EntryPage {
  const { sort, order, after, limit } = request
  const sign = order === 'ascending' ? 1 : -1
  const found = [...state.entries.values()]
    .filter((row) => !row.isDeleted && isListed(row, request))
    .map((row) => {
      const record = recordOf(row)
      return { record, cursor: cursorOf(record, sort) }
    })
    .filter(({ cursor }) => after === undefined || sign * compareEntries(sort, cursor, after) > 0)
    .toSorted((a, b) => sign * compareEntries(sort, a.cursor, b.cursor))
  const page = found.slice(0, limit)
  return {
    entries: page.map(({ record }) => record),
    next: found.length > limit ? (page.at(-1)?.cursor ?? null) : null
  }
}

function isListed(row: EntryRow, { owner, folder, recursive, search }: ListEntries): boolean {
  if (owner !== undefined && row.owner !== owner) return false
  const place = placeOf(row.path)
  const inside = insideOf(folder)
  if (recursive ? !place.folder.startsWith(inside) : place.folder !== inside) return false
  return search === undefined || place.name.includes(foldPath(search))
}

export function moveEntry(
  state: State,
  { id, version, basePath, path, now, by }: Parameters<EntryRecords['moveEntry']>[0]
): EntryRecord {
  const row = liveEntry(state, id, version)
  if (row.path === path) return recordOf(row)
  if (!isAt(row.path, basePath)) throw versionConflict(row.shown)
  const before = structuredClone(state.paths.get(row.owner) ?? new Map<string, PathRow>())
  releasePath(state, row.owner, row.path)
  try {
    claimPath(state, row.owner, path, id)
  } catch (error) {
    state.paths.set(row.owner, before)
    throw error
  }
  const old_path = row.path
  row.path = path
  row.changedAt = now
  noteFile(state, row, { type: 'file.moved', at: now, by, more: { old_path } })
  return recordOf(row)
}

export function changeEntry(
  state: State,
  { id, version, metadata, expiresAt, now, by }: Parameters<EntryRecords['changeEntry']>[0]
): EntryRecord {
  const row = liveEntry(state, id, version)
  const current = row.versions.get(row.shown)
  if (metadata !== undefined && current !== undefined) current.record.metadata = { ...metadata }
  if (expiresAt !== undefined) row.expiresAt = expiresAt
  row.changedAt = now
  const more = changeData({ metadata, expiresAt: row.expiresAt })
  noteFile(state, row, { type: 'file.changed', at: now, by, more })
  return recordOf(row)
}

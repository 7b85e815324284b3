import { HISTORY_LATE_MS_MAX } from '../../history.ts'
import type { HistoryPage, HistoryQuery, HistoryRecord, LinkedFile, StoredHistory } from '../../history.ts'
import type { EntryId, SecretHash, UserId } from '../../types.ts'
import { isMatch, joinLooks, walkOf } from '../history-pages.ts'
import type { HistorySource } from '../history-pages.ts'
import type { State } from './state.ts'

/** Adds one record, in the same step as what it tells of. Of an id that is known nothing changes; says whether it is new. */
export const insertHistory = (state: State, record: HistoryRecord): boolean =>
  recordHistory(state, [record]) === 1

export function recordHistory(state: State, records: readonly HistoryRecord[]): number {
  let added = 0
  for (const record of records) {
    const seq = ++state.historySeq
    if (state.history.has(record.id)) continue
    state.history.set(record.id, { ...record, seq })
    added++
  }
  return added
}

export function findLinked(state: State, tokenHash: SecretHash): LinkedFile | undefined {
  const link = state.links.get(tokenHash)
  const file = link === undefined ? undefined : state.files.get(link.record.fileId)
  const entry = link?.share === undefined ? undefined : state.entries.get(link.share.entry)
  if (file === undefined) return undefined
  const { id, name } = file.record
  if (entry === undefined || link?.share === undefined) return { file: id, path: name, share: null }
  const { owner, path } = entry
  return { file: id, path, share: { entry: entry.id, owner, version: link.share.version } }
}

export function locateEntry(state: State, id: EntryId): { owner: UserId; path: string } | undefined {
  const entry = state.entries.get(id)
  return entry && { owner: entry.owner, path: entry.path }
}

const byTime = (a: StoredHistory, b: StoredHistory): number => a.at - b.at || a.seq - b.seq

export function listHistory(state: State, query: HistoryQuery): HistoryPage {
  const { sources, rest, rowsMax } = walkOf(query)
  const { from, to, order, seq, limit } = query
  const all = [...state.history.values()]
  const timed = from === undefined && to === undefined ? [] : all.toSorted(byTime)
  const early = from === undefined ? undefined : timed.findLast(({ at }) => at < from - HISTORY_LATE_MS_MAX)
  const late = to === undefined ? undefined : timed.find(({ at }) => at > to + HISTORY_LATE_MS_MAX)
  const above = Math.max(early?.seq ?? 0, (order === 'oldest' ? seq : undefined) ?? 0)
  const below = Math.min(late?.seq ?? Infinity, (order === 'newest' ? seq : undefined) ?? Infinity)
  const ordered = order === 'oldest' ? all : all.toReversed()
  const walked = ordered.filter((record) => record.seq > above && record.seq < below)
  const looks = sources.map((source) => {
    const rows = walked.filter((record) => isOf(record, source)).slice(0, rowsMax)
    const end = rows.length === rowsMax ? (rows.at(-1)?.seq ?? null) : null
    return { records: rows.filter((record) => isMatch(record, rest)).slice(0, limit + 1), end }
  })
  const { records, next } = joinLooks(looks, query)
  return { records: records.map((record) => ({ ...record })), next }
}

const isOf = (record: HistoryRecord, source: HistorySource): boolean =>
  source === null || record[source.column] === source.value

export function purgeHistory(state: State, before: number, limit: number): number {
  const old = [...state.history.values()]
    .filter(({ at }) => at < before)
    .toSorted(byTime)
    .slice(0, limit)
  for (const { id } of old) state.history.delete(id)
  return old.length
}

export function trimHistory(state: State, keep: number, limit: number): number {
  const end = state.historySeq - keep
  const old = [...state.history.values()].filter(({ seq }) => seq <= end).slice(0, limit)
  for (const { id } of old) state.history.delete(id)
  return old.length
}

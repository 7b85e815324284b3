/** How a page of the history is put together: which rows are walked, how far, and what is told of them. Both stores share it, so that they answer alike. */

import type { HistoryFilter, HistoryPage, HistoryQuery, HistoryRecord, StoredHistory } from '../history.ts'
import { HISTORY_LOOKED_AT_MAX } from './limits.ts'

/** A column that has an index together with `seq`. */
export type HistoryColumn = 'actor' | 'owner' | 'entry' | 'file' | 'action'

/** Rows to walk: those with this value there, in order of `seq`; null: all of them. */
export type HistorySource = { column: HistoryColumn; value: string } | null

export interface HistoryWalk {
  /** A page is made of all of them together. */
  sources: HistorySource[]
  /** What rows of the sources have to hold beside. */
  rest: HistoryFilter
  /** Rows of each source that are looked at. */
  rowsMax: number
}

/** The columns that name the fewest rows are walked; the rest of the filter is looked at row by row. */
export function walkOf({ of, file, action, from, to, limit }: HistoryQuery): HistoryWalk {
  const times = { from, to }
  const walk = (
    sources: HistorySource[],
    rest: HistoryFilter
  ): Pick<HistoryWalk, 'sources' | 'rest' | 'rowsMax'> => {
    const isWhole = Object.values(rest).every((value) => value === undefined)
    return { sources, rest, rowsMax: isWhole ? limit + 1 : HISTORY_LOOKED_AT_MAX }
  }
  const both = (columns: HistoryColumn[], value: string): HistorySource[] =>
    columns.map((column) => ({ column, value }))
  if (file !== undefined) return walk(both(['entry', 'file'], file), { of, action, ...times })
  if (of !== undefined) return walk(both(['actor', 'owner'], of), { action, ...times })
  if (action !== undefined) return walk([{ column: 'action', value: action }], times)
  return walk([null], times)
}

export const isMatch = (record: HistoryRecord, { of, action, from, to }: HistoryFilter): boolean =>
  (of === undefined || record.actor === of || record.owner === of) &&
  (action === undefined || record.action === action) &&
  (from === undefined || record.at >= from) &&
  (to === undefined || record.at < to)

/** Of one source: rows that match, in order, and how far it was looked; `end` null: to its end. */
export interface HistoryLook {
  records: StoredHistory[]
  end: number | null
}

/** A record that several sources have is told once; none is told beyond where one of them was not looked at. */
export function joinLooks(
  looks: readonly HistoryLook[],
  { order, limit }: Pick<HistoryQuery, 'order' | 'limit'>
): HistoryPage {
  const sign = order === 'oldest' ? 1 : -1
  const isBefore = (a: number, b: number): boolean => sign * (a - b) < 0
  const ends = looks.flatMap(({ end }) => (end === null ? [] : [end]))
  const end = ends.reduce<number | null>(
    (nearest, each) => (nearest === null || isBefore(each, nearest) ? each : nearest),
    null
  )
  const bySeq = new Map(looks.flatMap(({ records }) => records.map((record) => [record.seq, record])))
  const all = [...bySeq.values()]
    .filter(({ seq }) => end === null || !isBefore(end, seq))
    .toSorted((a, b) => sign * (a.seq - b.seq))
  const records = all.slice(0, limit)
  return { records, next: all.length > limit ? (records.at(-1)?.seq ?? null) : end }
}

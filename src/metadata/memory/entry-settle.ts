import type { EntryRecords } from '../../metadata-store.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import { byBytes } from '../entry-rules.ts'
import { isFailed, versionsOf } from './entries.ts'
import { releasePath } from './entry-paths.ts'
import { copiesOf } from './state.ts'
import type { EntryRow, State, VersionRow } from './state.ts'
import { endEntry, hasContent, tell } from './versions.ts'

type Times = Parameters<EntryRecords['settleEntries']>[0]

/** In this order; each takes what the ones before left of the limit. */
const STEPS = [expireEntries, dropVersions, forgetFailures, forgetEntries, forgetFiles] as const

export function settleEntries(state: State, times: Times, limit: number): number {
  let changed = 0
  for (const step of STEPS) changed += step(state, times, limit - changed)
  return changed
}

function expireEntries(state: State, { now, graceMs }: Times, limit: number): number {
  const over = [...state.entries.values()]
    .filter((row) => !row.isDeleted && row.expiresAt !== null && row.expiresAt <= now)
    .toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0) || byBytes(a.id, b.id))
    .slice(0, limit)
  for (const row of over) endEntry(state, row, { now, graceMs, isExpired: true })
  return over.length
}

const allVersions = (state: State): Array<{ row: EntryRow; version: VersionRow }> =>
  [...state.entries.values()].flatMap((row) =>
    [...row.versions.values()].map((version) => ({ row, version }))
  )

const inOrder = (
  a: { row: EntryRow; version: VersionRow },
  b: { row: EntryRow; version: VersionRow }
): number => byBytes(a.row.id, b.row.id) || a.version.record.number - b.version.record.number

/** Their grace is over: their content is let go. */
function dropVersions(state: State, { now }: Times, limit: number): number {
  const over = allVersions(state)
    .flatMap(({ row, version }) =>
      version.dropAt !== undefined && version.dropAt <= now ? [{ row, version, at: version.dropAt }] : []
    )
    .toSorted((a, b) => a.at - b.at || inOrder(a, b))
    .slice(0, limit)
  for (const { row, version } of over) {
    row.versions.delete(version.record.number)
    const file = version.record.file === null ? undefined : state.files.get(version.record.file)
    if (file === undefined) continue
    file.links--
    file.linkRows--
    file.graced--
  }
  return over.length
}

function forgetFailures(state: State, { now, failedMs }: Times, limit: number): number {
  const over = allVersions(state)
    .filter(({ version }) => isFailed(version) && version.record.uploadedAt <= now - failedMs)
    .toSorted((a, b) => a.version.record.uploadedAt - b.version.record.uploadedAt || inOrder(a, b))
    .slice(0, limit)
  for (const { row, version } of over) {
    row.versions.delete(version.record.number)
    if (row.isDeleted || hasContent(row)) continue
    const [newest] = versionsOf(row)
    if (newest !== undefined) {
      row.shown = newest.record.number
      continue
    }
    releasePath(state, row.owner, row.path)
    state.entries.delete(row.id)
  }
  return over.length
}

/** Deleted ones are remembered for as long as their content is kept, so that a repeat is known as one. */
function forgetEntries(state: State, { now, graceMs }: Times, limit: number): number {
  const over = [...state.entries.values()]
    .filter((row) => row.isDeleted && row.endedAt <= now - graceMs && row.versions.size === 0)
    .toSorted((a, b) => a.endedAt - b.endedAt || byBytes(a.id, b.id))
    .slice(0, limit)
  for (const { id } of over) state.entries.delete(id)
  return over.length
}

/** Files that no link tells of any more, and of which no piece is left. */
function forgetFiles(state: State, _times: Times, limit: number): number {
  const over = [...state.files.values()]
    .filter(
      ({ record, pieces, linkRows }) => record.state === 'deleted' && pieces.size === 0 && linkRows === 0
    )
    .toSorted((a, b) => byBytes(a.record.id, b.record.id))
    .slice(0, limit)
  for (const { record } of over) state.files.delete(record.id)
  return over.length
}

export function settleStatuses(
  state: State,
  { copies, after, limit, now }: Parameters<EntryRecords['settleStatuses']>[0]
): Awaited<ReturnType<EntryRecords['settleStatuses']>> {
  const cached = allVersions(state)
    .filter(({ version }) => version.record.status === 'cached' && version.dropAt === undefined)
    .filter(({ row, version }) => {
      if (after === undefined) return true
      return (byBytes(row.id, after.entry) || version.record.number - after.version) > 0
    })
    .toSorted(inOrder)
  let changed = 0
  let left = limit
  for (const [i, { row, version }] of cached.entries()) {
    const { number } = version.record
    const looked = look(state, version, copies, left)
    left -= looked.count
    if (looked.isMore) return { changed, next: { entry: row.id, version: number - 1 } }
    if (looked.isComplete) {
      version.record.status = 'uploaded_successfully'
      tell(state, row, number, now)
      changed++
    }
    const isLast = i === cached.length - 1
    if (left <= 0 && !isLast) return { changed, next: { entry: row.id, version: number } }
  }
  return { changed, next: null }
}

/** Goes on with a version's pieces as far as they have their copies. */
function look(
  state: State,
  version: VersionRow,
  copies: number,
  limit: number
): { count: number; isComplete: boolean; isMore: boolean } {
  const file = version.record.file === null ? undefined : state.files.get(version.record.file)
  if (file === undefined) return { count: 1, isComplete: false, isMore: false }
  const from = version.checked
  const all = file.record.chunkCount + 1
  const until = Math.min(all, from + limit)
  const hasCopies = (index: number): boolean => {
    const piece = file.pieces.get(MANIFEST_INDEX + index)
    const chunk = piece === undefined ? undefined : state.chunks.get(piece.chunk)
    return chunk !== undefined && copiesOf(chunk).length >= copies
  }
  while (version.checked < until && hasCopies(version.checked)) version.checked++
  return {
    count: Math.max(1, version.checked - from),
    isComplete: version.checked === all,
    isMore: version.checked === until && until < all
  }
}

import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { byBytes, foldersAbove, insideOf, movedPath, noSuchFolder, placeOf } from '../entry-rules.ts'
import { claimPath, findPath, releasePath } from './entry-paths.ts'
import { noteFile } from './event-notes.ts'
import type { PathRow, State } from './state.ts'

export function moveFolder(
  state: State,
  { owner, from, to, limit, now, by }: Parameters<EntryRecords['moveFolder']>[0]
): number {
  const inside = insideOf(from)
  const rows = [...state.entries.values()].filter(
    (row) => !row.isDeleted && row.owner === owner && placeOf(row.path).key.startsWith(inside)
  )
  if (rows.length === 0) throw noSuchFolder()
  if (rows.length > limit) throw new PeerbinError('folder-too-large', '', { details: { limit } })
  const moves = rows
    .map((row) => ({ row, path: movedPath(row.path, from, to) }))
    .toSorted((a, b) => byBytes(placeOf(a.path).key, placeOf(b.path).key))
  const before = structuredClone(state.paths.get(owner) ?? new Map<string, PathRow>())
  for (const { row } of moves) releasePath(state, owner, row.path)
  const refused = moves.find(({ path }) => codeAt(state, owner, path) !== undefined)
  if (refused !== undefined) {
    const { path } = refused
    const code = codeAt(state, owner, path) ?? 'path-taken'
    state.paths.set(owner, before)
    throw new PeerbinError(code, '', { details: { path } })
  }
  for (const { row, path } of moves) {
    claimPath(state, owner, path, row.id)
    const old_path = row.path
    row.path = path
    row.changedAt = now
    if (path !== old_path) noteFile(state, row, { type: 'file.moved', at: now, by, more: { old_path } })
  }
  return moves.length
}

function codeAt(
  state: State,
  owner: Parameters<typeof findPath>[1],
  path: string
): 'path-taken' | 'path-conflict' | undefined {
  const known = findPath(state, owner, path)
  if (known !== undefined) return known.entry === undefined ? 'path-conflict' : 'path-taken'
  const isBelowFile = foldersAbove(path).some((each) => findPath(state, owner, each)?.entry !== undefined)
  return isBelowFile ? 'path-conflict' : undefined
}

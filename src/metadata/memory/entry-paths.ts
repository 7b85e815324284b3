/** Which paths of a user are taken, by files and by folders that something is in. */

import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import type { EntryId, UserId } from '../../types.ts'
import { byBytes, foldersAbove, insideOf, placeOf } from '../entry-rules.ts'
import type { PathRow, State } from './state.ts'

const pathsOf = (state: State, owner: UserId): Map<string, PathRow> => {
  const known = state.paths.get(owner) ?? new Map<string, PathRow>()
  state.paths.set(owner, known)
  return known
}

export const findPath = (state: State, owner: UserId, path: string): PathRow | undefined =>
  state.paths.get(owner)?.get(placeOf(path).key)

/** @throws `path-taken` by another file, `path-conflict` with a folder of that path or a file above; nothing has changed then */
export function claimPath(state: State, owner: UserId, path: string, entry: EntryId): void {
  const paths = pathsOf(state, owner)
  const known = paths.get(placeOf(path).key)
  if (known !== undefined) throw new PeerbinError(known.entry === undefined ? 'path-conflict' : 'path-taken')
  const folders = foldersAbove(path)
  if (folders.some((folder) => findPath(state, owner, folder)?.entry !== undefined))
    throw new PeerbinError('path-conflict')
  paths.set(placeOf(path).key, { path, entry, children: 0 })
  for (const folder of folders) {
    const row = findPath(state, owner, folder)
    if (row !== undefined) {
      row.children++
      return
    }
    paths.set(placeOf(folder).key, { path: folder, entry: undefined, children: 1 })
  }
}

/** A folder goes with the last that was in it. */
export function releasePath(state: State, owner: UserId, path: string): void {
  const paths = pathsOf(state, owner)
  paths.delete(placeOf(path).key)
  for (const folder of foldersAbove(path)) {
    const row = findPath(state, owner, folder)
    if (row === undefined) return
    row.children--
    if (row.children > 0) return
    paths.delete(placeOf(folder).key)
  }
}

/** Whether a file could be put there, or is there. */
export const isBlocked = (state: State, owner: UserId, path: string): boolean => {
  const known = findPath(state, owner, path)
  if (known !== undefined) return known.entry === undefined
  return foldersAbove(path).some((folder) => findPath(state, owner, folder)?.entry !== undefined)
}

const hasUnexpired = (state: State, owner: UserId, folder: string, now: number): boolean =>
  [...state.entries.values()].some(
    (row) =>
      !row.isDeleted &&
      row.owner === owner &&
      placeOf(row.path).key.startsWith(insideOf(folder)) &&
      (row.expiresAt === null || row.expiresAt > now)
  )

export function listFolders(
  state: State,
  { owner, folder, after, limit, now }: Parameters<EntryRecords['listFolders']>[0]
): string[] {
  const from = after === undefined ? undefined : placeOf(after).key
  return [...(state.paths.get(owner) ?? [])]
    .filter(
      ([key, row]) =>
        row.entry === undefined &&
        placeOf(row.path).folder === insideOf(folder) &&
        (from === undefined || byBytes(key, from) > 0) &&
        (now === undefined || hasUnexpired(state, owner, row.path, now))
    )
    .toSorted(([a], [b]) => byBytes(a, b))
    .slice(0, limit)
    .map(([, row]) => row.path)
}

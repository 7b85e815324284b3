/** What both stores agree on about users' files: how paths are compared, and in which order entries are listed. */

import { cleanPath, foldPath, isCleanPath } from '../bundle/paths.ts'
import { PeerbinError } from '../errors.ts'
import type { EntryCursor, EntrySort } from '../metadata-store.ts'

/** Of names of entries that were recovered: what is left of a long one. */
const STEM_LENGTH_MAX = 60
const EXTENSION_LENGTH_MAX = 32

/** A path as it is compared: two that have the same `key` are one. */
export interface Place {
  key: string
  /** What it is in, with a `/` behind it; empty: the topmost. */
  folder: string
  name: string
}

export function placeOf(path: string): Place {
  const key = foldPath(path)
  const at = key.lastIndexOf('/') + 1
  return { key, folder: key.slice(0, at), name: key.slice(at) }
}

/** Whether a file at `path` is where its sender knows it; case does not count. */
export const isAt = (path: string, basePath: string | undefined): boolean =>
  basePath === undefined || foldPath(path) === foldPath(basePath)

/** What a file with this path is called, as it is shown. */
export const nameOfPath = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** As Place.folder of what is in a folder of this path. */
export const insideOf = (folder: string | undefined): string =>
  folder === undefined ? '' : `${foldPath(folder)}/`

/** Folders above a path as they are shown, the nearest first. */
export function foldersAbove(path: string): string[] {
  const folders: string[] = []
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    folders.push(path.slice(0, at))
  return folders
}

/**
 * Where something in a folder goes when that moves. How the folder is written does not count; what is in it keeps its writing.
 * @throws `invalid-field` where the path would be longer than one can be
 */
export function movedPath(path: string, from: string, to: string): string {
  const moved = [to, ...path.split('/').slice(from.split('/').length)].join('/')
  if (isCleanPath(moved)) return moved
  throw new PeerbinError('invalid-field', 'to: with it the path of something in the folder is too long', {
    details: { field: 'to' }
  })
}

/** Folders are there while something is in them. */
export const noSuchFolder = (): PeerbinError => new PeerbinError('file-unknown', 'There is no such folder.')

/** Text in the order of databases: by its bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Where entries stand in an order, cursors too. */
type Placed = Pick<EntryCursor, 'id' | 'owner' | 'path' | 'value'>

export function compareEntries(sort: EntrySort, a: Placed, b: Placed): number {
  if (sort !== 'name') return a.value - b.value || byBytes(a.id, b.id)
  const [one, other] = [placeOf(a.path), placeOf(b.path)]
  return byBytes(a.owner, b.owner) || byBytes(one.folder, other.folder) || byBytes(one.name, other.name)
}

/** Where an entry that was found goes: its path, or beside it where a folder has that, or to the top where a file is above. The id makes it unlike any other. */
export function placesFor(path: string, id: string): string[] {
  const at = path.lastIndexOf('/') + 1
  const name = path.slice(at)
  const dot = name.lastIndexOf('.')
  const end = dot > 0 && name.length - dot <= EXTENSION_LENGTH_MAX ? dot : name.length
  const found = `${name.slice(0, Math.min(end, STEM_LENGTH_MAX))} (recovered ${id.slice(0, 8)})${name.slice(end)}`
  return [path, path.slice(0, at) + found, found, `recovered ${id}`].map(cleanPath)
}

/** Also of a file that is somewhere else than its sender knows. @param current the version that counts; 0: there is no content */
export const versionConflict = (current: number): PeerbinError =>
  new PeerbinError('version-conflict', '', { details: { version: current } })

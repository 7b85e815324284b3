/** Which local files are files of the base at another path: same content, gone there and new here. */

import type { EntryId } from '../types.ts'
import type { HashedFile, Trees } from './plan-types.ts'
import type { RemoteFile } from './remote.ts'
import type { BaseFile } from './state.ts'

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const byPath = (one: { path: string }, other: { path: string }): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0

/**
 * Pairs what is gone with what is new. Of several with the same content those with the same name are paired first, then in the order of their paths: any choice is right, since
 * their contents are equal. A new file where the server has another one is in conflict with that, and no move.
 */
export function findMoves(
  trees: Trees,
  gone: readonly BaseFile[],
  fresh: readonly HashedFile[],
  remoteAt: ReadonlyMap<string, RemoteFile>
): Map<EntryId, HashedFile> {
  const moves = new Map<EntryId, HashedFile>()
  const open = new Map<string, BaseFile[]>()
  const goneById = new Map(gone.map((base) => [base.id, base]))
  const free: HashedFile[] = []
  for (const local of [...fresh].sort(byPath)) {
    const there = remoteAt.get(local.path)
    if (local.sizeBytes === 0) continue
    if (there === undefined) {
      free.push(local)
      continue
    }
    // moved to the same path on both sides, and perhaps edited on one of them
    const base = goneById.get(there.id)
    if (base !== undefined && (local.sha256 === base.sha256 || there.sha256 === base.sha256)) {
      moves.set(base.id, local)
      goneById.delete(base.id)
    }
  }
  for (const base of [...goneById.values()].sort(byPath)) {
    // gone at the server too: what is new here is kept as a file of its own
    if (!trees.remote.has(base.id)) continue
    const same = open.get(base.sha256)
    if (same === undefined) open.set(base.sha256, [base])
    else same.push(base)
  }
  const rest = free.filter(
    (local) => !take(moves, open, local, (base) => nameOf(base.path) === nameOf(local.path))
  )
  for (const local of rest) take(moves, open, local, () => true)
  return moves
}

function take(
  moves: Map<EntryId, HashedFile>,
  open: ReadonlyMap<string, BaseFile[]>,
  local: HashedFile,
  fits: (base: BaseFile) => boolean
): boolean {
  const candidates = open.get(local.sha256)
  const index = candidates?.findIndex(fits) ?? -1
  const base = candidates?.[index]
  if (candidates === undefined || base === undefined) return false
  candidates.splice(index, 1)
  moves.set(base.id, local)
  return true
}

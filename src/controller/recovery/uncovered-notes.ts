/** The links that were touched after what a snapshot has in it. */

import type { SecretHash } from '../../types.ts'
import { compareBases } from './found-series.ts'
import type { LocatedPiece } from './found-series.ts'
import { readAhead } from './read-ahead.ts'
import type { SnapshotPieces } from './snapshot-pieces.ts'

const AHEAD = 16

/** What was applied: everything up to these changes after that base. */
export interface AppliedSnapshot {
  readonly term: number
  readonly base: number
  readonly changes: number
}

export interface TouchedLinks {
  readonly claimed: ReadonlySet<SecretHash>
  /** With the hash of the delete secret that was shown. */
  readonly revoked: ReadonlyMap<SecretHash, SecretHash>
  /** Notes that no node can read: which links they name is not known. */
  readonly unreadable: number
}

/** @param applied undefined when there is no snapshot: then every note counts */
export async function uncoveredNotes(
  notes: readonly LocatedPiece[],
  applied: AppliedSnapshot | undefined,
  pieces: SnapshotPieces
): Promise<TouchedLinks> {
  const claimed = new Set<SecretHash>()
  const revoked = new Map<SecretHash, SecretHash>()
  let unreadable = 0
  const relevant = notes.filter(({ name }) => applied === undefined || compareBases(name, applied) >= 0)
  const read = async (note: LocatedPiece) => ({ name: note.name, content: await pieces.note(note) })
  for await (const { name, content } of readAhead(relevant, AHEAD, read)) {
    if (content === undefined) {
      unreadable++
      continue
    }
    const isOfSameBase = applied !== undefined && compareBases(name, applied) === 0
    if (isOfSameBase && content.coveredBy <= applied.changes) continue
    for (const link of content.links) {
      if (link.what === 'claimed') claimed.add(link.tokenHash)
      else revoked.set(link.tokenHash, link.deleteHash)
    }
  }
  return { claimed, revoked, unreadable }
}

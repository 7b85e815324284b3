/** The draft of recovered metadata, from the newest snapshot that the nodes keep and that can be read. */

import { existsSync } from 'node:fs'
import type { FoundSeries, FoundSnapshots } from '../controller/recovery/found-series.ts'
import type { SnapshotPieces } from '../controller/recovery/snapshot-pieces.ts'
import type { AppliedSnapshot } from '../controller/recovery/uncovered-notes.ts'
import type { Logger } from '../interfaces.ts'
import { applySnapshot } from '../metadata/sqlite/apply-snapshot.ts'
import { forgetBoots } from '../metadata/sqlite/forget-boots.ts'

/** What the draft was made from. */
export interface DraftSource {
  /** Undefined: from nothing, the file is not there. */
  readonly applied: AppliedSnapshot | undefined
  /** When that was taken, ms; 0 without. */
  readonly takenAt: number
  /** Why its links cannot be trusted; null: they can. */
  readonly suspendAll: string | null
}

export async function draftFromNodes(
  file: string,
  found: FoundSnapshots,
  pieces: SnapshotPieces,
  logger: Logger
): Promise<DraftSource> {
  for (const series of found.series) {
    const changes = await applyAsFarAsPossible(file, series, pieces, logger)
    if (changes === undefined) continue
    forgetBoots(file)
    const { term, base } = series
    const isWhole = changes === series.changes.length && !series.isBehind
    return {
      applied: { term, base, changes },
      takenAt: pieces.takenAt,
      suspendAll: isWhole ? null : 'a part of what the lost controller sent to the nodes cannot be read.'
    }
  }
  return {
    applied: undefined,
    takenAt: 0,
    suspendAll:
      found.series.length > 0
        ? 'no snapshot on the nodes can be read, and nothing is known about the past of the links.'
        : 'no snapshot was found, and nothing is known about the past of the links.'
  }
}

/** How many of its changes are in the file; undefined when not even its base can be read. */
async function applyAsFarAsPossible(
  file: string,
  series: FoundSeries,
  pieces: SnapshotPieces,
  logger: Logger
): Promise<number | undefined> {
  for (let limit = series.changes.length; limit >= 0;) {
    try {
      await applySnapshot(file, pieces.base(series), pieces.changes(series, limit))
      return limit
    } catch (error) {
      if (existsSync(file)) throw error
      const { term, base } = series
      const fitted = Math.min(pieces.changesRead, limit - 1)
      logger.warn('a snapshot cannot be applied as it is', { term, base, changes: limit, err: error })
      limit = fitted
    }
  }
  return undefined
}

/** A new file of metadata from a base and the changes that followed it. */

import { createWriteStream, existsSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { PeerbinError } from '../../errors.ts'
import { splitChangesets } from './changesets.ts'
import {
  APPLICATION_ID,
  bringToVersion,
  checkPages,
  damaged,
  incompatible,
  knownVersion,
  kyselyOver,
  numberOf,
  putInPlace,
  understood
} from './open-database.ts'

/**
 * Makes `file`, which must not be there. The base is exactly what the first changes start from, so that each piece must fit row for row: one that does not is not
 * the next one, and nothing is made. A file of an older schema is brought to the present one at the end, after the changes that were noted in the old.
 *
 * @param changes each item is the whole of what one call of SnapshotSource.changes answered, in order
 * @throws `restore-refused` when the file is there, `data-incompatible` when what comes is damaged, does not fit together, or is of a newer program,
 *   and whatever the streams throw
 */
export async function applySnapshot(
  file: string,
  base: AsyncIterable<Uint8Array>,
  changes: AsyncIterable<Uint8Array>
): Promise<void> {
  if (existsSync(file) || existsSync(`${file}-wal`))
    throw new PeerbinError('restore-refused', `${file} is there already`)
  const draft = `${file}.new`
  removeDraft(draft)
  try {
    await pipeline(base, createWriteStream(draft))
    await bringUpToDate(file, draft, changes)
    putInPlace(draft, file)
  } catch (error) {
    throw understood(file, error)
  } finally {
    removeDraft(draft)
  }
}

function removeDraft(draft: string): void {
  for (const end of ['', '-wal', '-journal']) rmSync(`${draft}${end}`, { force: true })
}

async function bringUpToDate(file: string, draft: string, changes: AsyncIterable<Uint8Array>): Promise<void> {
  const database = new DatabaseSync(draft)
  try {
    database.exec('pragma locking_mode = exclusive')
    if (numberOf(database, 'pragma application_id') !== APPLICATION_ID) throw damaged(file)
    // no log beside the draft and no sync yet: one that was not finished is thrown away
    database.exec('pragma journal_mode = delete; pragma journal_mode = memory; pragma synchronous = off')
    checkPages(file, database)
    const db = kyselyOver(database)
    const version = await knownVersion(file, db)
    for await (const piece of changes) {
      for (const changeset of splitChangesets(piece)) {
        if (!database.applyChangeset(changeset))
          throw incompatible(file, 'changes do not fit what they should follow')
      }
    }
    await bringToVersion(database, db, version)
  } finally {
    database.close()
  }
}

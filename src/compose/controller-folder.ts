/**
 * The metadata in a controller's folder, and how it gets there at once: a recovery works on a draft, and puts it in place when everything is in it.
 *
 *     metadata.db            what the controller leads with
 *     recovering             a recovery was begun here; without metadata.db it has not ended
 *     metadata.draft.db      what it has so far
 *     recovery.json          what the last one found
 */

import { existsSync } from 'node:fs'
import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { ensureFolder } from './secret-file.ts'

const MARK_FILE = 'recovering'
const DRAFT_FILE = 'metadata.draft.db'
/** What SQLite, and whoever copies its files, leave beside one. */
const BESIDE = ['', '-wal', '-shm', '-journal', '.new', '.new-wal', '.new-journal', '.base']

export const metadataFile = (folder: string): string => join(folder, 'metadata.db')
export const draftFile = (folder: string): string => join(folder, DRAFT_FILE)
export const reportFile = (folder: string): string => join(folder, 'recovery.json')

/** @throws `recovery-refused` when a recovery in the folder was begun and not ended: what is there must not lead */
export function refuseUnfinished(folder: string): void {
  if (!existsSync(join(folder, MARK_FILE)) || existsSync(metadataFile(folder))) return
  throw new PeerbinError(
    'recovery-refused',
    `A recovery in ${folder} did not come to its end; run it again with --recover.`
  )
}

/** Marks the folder, which is made when it is not there, and removes what an earlier attempt left. @throws `refusal` when it has metadata already */
export async function beginDraft(folder: string, refusal: ErrorCode): Promise<void> {
  if (existsSync(metadataFile(folder)))
    throw new PeerbinError(
      refusal,
      `There is metadata in ${folder} already: start the controller without --recover, or move that folder away first.`
    )
  await ensureFolder(folder)
  await atomically(folder, async () => {
    await writeFile(join(folder, MARK_FILE), '', { mode: 0o600 })
    await removeDraft(draftFile(folder))
  })
}

/** With what is beside it. */
export async function removeDraft(file: string): Promise<void> {
  for (const end of BESIDE) await rm(`${file}${end}`, { force: true })
}

/** Puts the draft, which is closed, in place. @throws `local-file`, also when a part of it is still in SQLite's log beside it, which would be left behind */
export async function finishDraft(folder: string): Promise<void> {
  const log = await stat(`${draftFile(folder)}-wal`).catch(() => undefined) // none is what is wanted
  if (log !== undefined && log.size > 0)
    throw new PeerbinError(
      'local-file',
      `The metadata in ${folder} could not be written whole; is the disk full? Run it again.`
    )
  await atomically(folder, async () => {
    await rename(draftFile(folder), metadataFile(folder))
  })
  await atomically(folder, async () => {
    await rm(join(folder, MARK_FILE), { force: true })
  })
}

/** Changes names in the folder, durably. @throws `local-file` */
async function atomically(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    for (const path of [folder, dirname(folder)]) {
      await using handle = await open(path, 'r')
      await handle.sync()
    }
  } catch (error) {
    throw new PeerbinError('local-file', `cannot write in ${folder}`, { cause: error })
  }
}

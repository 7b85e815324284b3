import type { EntryId, UserId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { UserFilesDeps } from './user-files.ts'

/** Links of a deleted file that nodes are told of at once. */
const NOTES_AT_ONCE = 8

export interface EndedEntry {
  /** False: it was deleted before. */
  readonly deleted: boolean
  readonly owner: UserId
  /** Has nodes take note of its links, so that none lives again if this machine is lost now. */
  readonly noted: () => Promise<void>
}

/** What its sender knows of a file. */
interface Base {
  version?: number | undefined
  basePath?: string | undefined
}

/** Deletes a file with its versions and links. @param version that must count @param basePath where it must be @param by who does it @throws `file-unknown`, `version-conflict` */
export async function endEntry(
  { store, time, config, notes, onEnded }: UserFilesDeps,
  id: EntryId,
  { version, basePath, by }: Base & { by: UserId | undefined }
): Promise<EndedEntry> {
  const { deleteGraceMs: graceMs } = config.account
  const ending = { id, version, basePath, now: time.now(), graceMs, by }
  const { deleted, owner, links } = await store.deleteEntry(ending)
  if (deleted) onEnded()
  const note = async (link: (typeof links)[number]): Promise<void> =>
    await notes.note({ what: 'revoked', ...link })
  return { deleted, owner, noted: async () => void (await inParallel(links, NOTES_AT_ONCE, note)) }
}

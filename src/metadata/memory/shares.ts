import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { ENTRY_SHARES_MAX } from '../../protocol/limits.ts'
import type { EntryId, SecretHash, ShareRecord } from '../../types.ts'
import { nameOfPath } from '../entry-rules.ts'
import { liveEntry } from './entries.ts'
import { noteLink } from './event-notes.ts'
import { byText, isLinkKnown } from './state.ts'
import type { LinkRow, State } from './state.ts'
import { addLink } from './uploads.ts'
import { contentFile } from './versions.ts'

type Shared = Awaited<ReturnType<EntryRecords['shareEntry']>>

export function shareEntry(
  state: State,
  { id, version: number, link, now, by }: Parameters<EntryRecords['shareEntry']>[0]
): Shared {
  const row = liveEntry(state, id)
  const known = state.links.get(link.tokenHash)
  if (known?.share?.entry === id && known.deleteHash === link.deleteHash) return sharedOf(state, known)
  const version = row.versions.get(number ?? row.shown)
  if (version === undefined || version.dropAt !== undefined) throw new PeerbinError('version-unknown')
  const file = contentFile(state, version)
  if (isLinkKnown(state, link)) throw new PeerbinError('upload-conflict')
  if (row.shares >= ENTRY_SHARES_MAX) throw new PeerbinError('shares-full')
  row.shares++
  file.links++
  file.linkRows++
  file.record.name = nameOfPath(row.path)
  const share = { entry: id, version: version.record.number }
  const made = addLink(state, link, { file: file.record.id, now, share })
  noteLink(state, made, { type: 'file.shared', at: now, by })
  return sharedOf(state, made)
}

function sharedOf(state: State, { record, share }: LinkRow): Shared {
  const file = state.files.get(record.fileId)
  if (file === undefined || share === undefined) throw new PeerbinError('internal', 'a link without a file')
  return structuredClone({ link: record, file: file.record, version: share.version })
}

type Place = { createdAt: number; tokenHash: SecretHash }
const newestFirst = (a: Place, b: Place): number =>
  b.createdAt - a.createdAt || byText(b.tokenHash, a.tokenHash)

const sharesOf = (state: State, id: EntryId): LinkRow[] =>
  [...state.links.values()].filter(({ share }) => share?.entry === id)

export const listShares = (
  state: State,
  id: EntryId,
  after: Place | undefined,
  limit: number
): ShareRecord[] =>
  sharesOf(state, id)
    .filter(({ record }) => after === undefined || newestFirst(after, record) < 0)
    .toSorted((a, b) => newestFirst(a.record, b.record))
    .slice(0, limit)
    .map(({ record, share }) => ({ link: { ...record }, version: share?.version ?? 0 }))

export function findShare(
  state: State,
  id: EntryId,
  prefix: string
): { tokenHash: SecretHash; deleteHash: SecretHash } | undefined {
  const found = sharesOf(state, id).find(({ record }) => record.tokenHash.startsWith(prefix))
  return found && { tokenHash: found.record.tokenHash, deleteHash: found.deleteHash }
}

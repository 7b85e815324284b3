import { PeerbinError } from '../../errors.ts'
import type {
  AdoptEntry,
  CommitEntry,
  EntryRecords,
  OpenUpload,
  UploadFailure,
  VersionRef
} from '../../metadata-store.ts'
import { ENTRY_VERSIONS_MAX } from '../../protocol/limits.ts'
import type { EntryId, EntryRecord, FileRecord, UserId, VersionRecord } from '../../types.ts'
import { isAt, placesFor, versionConflict } from '../entry-rules.ts'
import { isFailed, liveEntry, recordOf, versionsOf } from './entries.ts'
import { claimPath, findPath, isBlocked, releasePath } from './entry-paths.ts'
import { noteFile } from './event-notes.ts'
import { endLink } from './links.ts'
import { leaseEnded } from '../claim-rules.ts'
import { assertNotSettled } from './pool-entries.ts'
import { byText } from './state.ts'
import type { EntryRow, FileRow, State, VersionRow } from './state.ts'
import { noteStatus } from './status-changes.ts'

type Request<Name extends keyof EntryRecords> = Parameters<EntryRecords[Name]>[0]

/** The live entry at a path. */
function entryAt(state: State, owner: UserId, path: string): EntryRow | undefined {
  const id = findPath(state, owner, path)?.entry
  return id === undefined ? undefined : state.entries.get(id)
}

/** @throws as claimPath; `upload-conflict` for an id that another one has */
function makeEntry(state: State, id: EntryId, owner: UserId, path: string, now: number): EntryRow {
  if (findPath(state, owner, path) !== undefined) throw new PeerbinError('path-conflict') // a folder
  if (state.entries.has(id)) throw new PeerbinError('upload-conflict')
  claimPath(state, owner, path, id)
  const row: EntryRow = {
    id,
    owner,
    path,
    isDeleted: false,
    createdAt: now,
    changedAt: now,
    expiresAt: null,
    endedAt: 0,
    last: 0,
    shown: 0,
    versions: new Map(),
    shares: 0
  }
  state.entries.set(id, row)
  return row
}

const contentOf = (file: FileRecord): Omit<VersionRecord, 'number' | 'status' | 'attempts'> => ({
  file: file.id,
  uploadedAt: file.uploadedAt,
  sizeBytes: file.sizeBytes,
  indexBytes: file.indexBytes,
  encryption: file.encryption,
  mediaType: file.mediaType,
  sha256: file.sha256,
  metadata: file.metadata,
  chunkCount: file.chunkCount,
  code: null
})

function put(row: EntryRow, record: VersionRecord): void {
  row.versions.set(record.number, { record: structuredClone(record), checked: 0, dropAt: undefined })
  row.last = Math.max(row.last, record.number)
}

export const hasContent = (row: EntryRow): boolean => {
  const shown = row.versions.get(row.shown)
  return shown !== undefined && !isFailed(shown)
}

/** @throws `version-conflict` unless it is as its sender knows it; `path-conflict` */
function checkBase(
  state: State,
  { base, baseEntry, user, path }: CommitEntry,
  known: EntryRow | undefined
): void {
  if (base === undefined) return
  const at = findPath(state, user, path)
  if (at !== undefined && at.entry === undefined) throw new PeerbinError('path-conflict')
  const current = known !== undefined && hasContent(known) ? known.shown : 0
  const isSame = baseEntry === undefined || known?.id === baseEntry
  if (base === 0 ? current !== 0 : known?.shown !== base || !isSame) throw versionConflict(current)
}

/** Refused before anything has changed. */
export function addVersion(state: State, entry: CommitEntry, file: FileRecord): VersionRef {
  const { id, user, path, expiresAt, onlyNew = false, attempts = 1, graceMs = 0, by = user } = entry
  const now = file.uploadedAt
  const before = entryAt(state, user, path)
  const isOver = before !== undefined && before.expiresAt !== null && before.expiresAt <= now
  checkBase(state, entry, isOver ? undefined : before)
  if (isOver && state.entries.has(id)) throw new PeerbinError('upload-conflict')
  // one whose time has come is gone, whether or not that was noticed
  if (isOver) endEntry(state, before, { now, graceMs, isExpired: true })
  const known = isOver ? undefined : before
  if (known !== undefined && onlyNew && hasContent(known)) throw new PeerbinError('path-taken')
  if (known !== undefined) assertNotSettled(state, user, path)
  const row = known ?? makeEntry(state, id, user, path, now)
  const type = hasContent(row) ? 'file.edited' : 'file.added'
  const number = row.last + 1
  forgetFailures(row, number)
  const { metadata = file.metadata } = entry
  put(row, { ...contentOf(file), number, status: 'cached', attempts, metadata })
  row.shown = number
  row.changedAt = Math.max(row.changedAt, now)
  if (expiresAt !== undefined) row.expiresAt = expiresAt
  limitVersions(state, row, { now, graceMs, by })
  noteFile(state, row, { type, at: now, by })
  tell(state, row, number, now)
  return { entry: row.id, version: number }
}

/** Records of uploads that failed, below a number. */
function forgetFailures(row: EntryRow, below: number): number {
  const over = [...row.versions.values()].filter((each) => isFailed(each) && each.record.number < below)
  for (const { record } of over) row.versions.delete(record.number)
  return over.length
}

/** When, how long content is kept for those who are reading it, and who did it. */
interface Ending {
  now: number
  graceMs: number
  by?: UserId | undefined
}

/** Lets the oldest go of those that are too many. @param ending undefined: only records of failures, since a failure costs nothing that was stored */
function limitVersions(state: State, row: EntryRow, ending?: Ending): void {
  for (const version of versionsOf(row).slice(ENTRY_VERSIONS_MAX, 2 * ENTRY_VERSIONS_MAX))
    if (version.record.number !== row.shown)
      if (isFailed(version)) dropVersion(state, row, version, 0)
      else if (ending !== undefined) removeVersion(state, row, version, ending)
}

/** As dropVersion, and says so. */
function removeVersion(state: State, row: EntryRow, version: VersionRow, { now, graceMs, by }: Ending): void {
  noteFile(state, row, { type: 'version.removed', at: now, by, version: version.record.number })
  dropVersion(state, row, version, now + graceMs)
}

export function tell(state: State, row: EntryRow, number: number, at: number): void {
  const version = row.versions.get(number)
  if (version === undefined) return
  const { file, sizeBytes, status, code, attempts } = version.record
  const { owner, id: entry, path } = row
  const told = { owner, entry, version: number, path, file, sizeBytes, status, code, attempts, at }
  noteStatus(state, row, told)
}

/** An upload that failed, where it would have gone; nothing where nothing can be. */
export function addFailure(state: State, opened: OpenUpload, { code, attempts, now }: UploadFailure): void {
  const { owner, mediaType, metadata, id } = opened
  if (owner === undefined) return
  const { user, path } = owner
  if (isBlocked(state, user, path)) return
  const row = entryAt(state, user, path) ?? makeEntry(state, id as string as EntryId, user, path, now)
  const number = row.last + 1
  const nothing = { file: null, sizeBytes: 0, indexBytes: 0, encryption: null, sha256: null, chunkCount: 0 }
  const status = 'upload_failed' as const
  put(row, { ...nothing, number, status, uploadedAt: now, mediaType, metadata, code, attempts })
  if (!hasContent(row)) row.shown = number
  limitVersions(state, row)
  tell(state, row, number, now)
}

/** It counts no more; its content goes at `dropAt`. */
function dropVersion(state: State, row: EntryRow, version: VersionRow, dropAt: number): void {
  const { file: id, number } = version.record
  const file = id === null ? undefined : state.files.get(id)
  if (file === undefined) {
    row.versions.delete(number)
    return
  }
  version.dropAt = dropAt
  file.graced++
  uncount(file)
}

/** When nothing leads to it any more, the space of a file is free, though its bytes are there a little longer. */
function uncount(file: FileRow): void {
  if (file.graced === file.links) file.isCounted = false
}

export function restoreVersion(
  state: State,
  { id, version, now, graceMs, by }: Request<'restoreVersion'>
): EntryRecord {
  const row = liveEntry(state, id)
  const from = row.versions.get(version)
  if (from === undefined || from.dropAt !== undefined) throw new PeerbinError('version-unknown')
  const file = contentFile(state, from)
  if (row.versions.get(row.shown)?.record.file === file.record.id) return recordOf(row)
  const number = row.last + 1
  put(row, { ...from.record, number })
  const made = row.versions.get(number)
  if (made !== undefined) made.checked = from.checked
  file.links++
  file.linkRows++
  row.shown = number
  row.changedAt = now
  limitVersions(state, row, { now, graceMs, by })
  noteFile(state, row, { type: 'file.edited', at: now, by })
  return recordOf(row)
}

/** @throws `upload-failed` for a version that has none */
export function contentFile(state: State, { record }: VersionRow) {
  const file = record.file === null ? undefined : state.files.get(record.file)
  if (file === undefined) throw new PeerbinError('upload-failed')
  return file
}

export function deleteVersion(
  state: State,
  { id, version: number, now, graceMs, by }: Request<'deleteVersion'>
): EntryRecord | undefined {
  const row = liveEntry(state, id)
  const version = row.versions.get(number)
  if (version === undefined || version.dropAt !== undefined) throw new PeerbinError('version-unknown')
  if (versionsOf(row).length === 1) {
    endEntry(state, row, { now, graceMs, by })
    return undefined
  }
  removeVersion(state, row, version, { now, graceMs, by })
  row.changedAt = now
  if (number === row.shown) {
    row.shown = nextShown(row)
    noteFile(state, row, { type: 'file.edited', at: now, by })
  }
  return recordOf(row)
}

/** The newest with content, or the newest that failed. */
function nextShown(row: EntryRow): number {
  const left = versionsOf(row)
  return (left.find((each) => !isFailed(each)) ?? left[0])?.record.number ?? 0
}

export function pruneVersions(
  state: State,
  { id, keep, now, graceMs, by }: Request<'pruneVersions'>
): number {
  const row = liveEntry(state, id)
  const stored = versionsOf(row).filter((each) => !isFailed(each))
  const kept = stored.filter(({ record }, i) => i < keep || record.number === row.shown)
  const over = stored.filter((each) => !kept.includes(each))
  for (const each of over) removeVersion(state, row, each, { now, graceMs, by })
  const oldest = kept.at(-1)?.record.number ?? 0
  if (over.length > 0) row.changedAt = now
  return over.length + forgetFailures(row, oldest)
}

export function deleteEntry(
  state: State,
  { id, version, basePath, now, graceMs, by }: Request<'deleteEntry'>
): Awaited<ReturnType<EntryRecords['deleteEntry']>> {
  const row = state.entries.get(id)
  if (row === undefined) throw new PeerbinError('file-unknown')
  const deleted = !row.isDeleted
  const holds = (version === undefined || version === row.shown) && isAt(row.path, basePath)
  if (deleted && !holds) throw versionConflict(row.shown)
  if (deleted) endEntry(state, row, { now, graceMs, by })
  return { deleted, owner: row.owner, links: revokedShares(state, id) }
}

/** Ends one that lives. */
export function endEntry(
  state: State,
  row: EntryRow,
  { now, graceMs, by, isExpired = false }: Ending & { isExpired?: boolean }
): void {
  const { id } = row
  row.isDeleted = true
  row.endedAt = now
  noteFile(state, row, { type: isExpired ? 'file.expired' : 'file.removed', at: now, by })
  releasePath(state, row.owner, row.path)
  const links = [...state.links.values()].filter(
    ({ share, record }) => share?.entry === id && (record.state === 'live' || record.state === 'suspended')
  )
  for (const link of links) {
    endLink(state, link, 'revoked', now)
    const file = state.files.get(link.record.fileId)
    if (file !== undefined) uncount(file) // of a version that was dropped before
    for (const claim of link.claims.values()) {
      if (claim.ended) continue
      claim.leaseUntil = Math.min(claim.leaseUntil, now)
      Object.assign(claim, leaseEnded(claim))
    }
  }
  for (const version of versionsOf(row)) dropVersion(state, row, version, now + graceMs)
}

const revokedShares = (state: State, id: EntryId) =>
  [...state.links.values()]
    .filter(({ share, record }) => share?.entry === id && record.state === 'revoked')
    .map(({ record, deleteHash }) => ({ tokenHash: record.tokenHash, deleteHash }))
    .toSorted((a, b) => byText(a.tokenHash, b.tokenHash))

/** A version found by its manifest: it joins its entry, or the one at its path. */
export function adoptVersion(state: State, entry: AdoptEntry, file: FileRecord): void {
  const { id, user, path, version, expiresAt } = entry
  const known = state.entries.get(id)
  const itself = known !== undefined && !known.isDeleted && known.owner === user ? known : undefined
  const row = itself ?? entryAt(state, user, path) ?? adoptEntry(state, entry, file)
  const type = hasContent(row) ? 'file.edited' : 'file.added'
  const number = row.versions.has(version) || version <= 0 ? row.last + 1 : version
  put(row, { ...contentOf(file), number, status: 'cached', attempts: 1 })
  const shown = row.versions.get(row.shown)?.record
  const isNewer =
    shown === undefined ||
    shown.file === null ||
    (shown.uploadedAt - file.uploadedAt || row.shown - number) < 0
  if (!isNewer) return
  row.shown = number
  row.changedAt = Math.max(row.changedAt, file.uploadedAt)
  row.expiresAt = expiresAt
  noteFile(state, row, { type, at: state.time })
}

/** At its path, or beside it where that cannot be; under its id, or the file's where that is taken. */
function adoptEntry(state: State, { id, user, path }: AdoptEntry, file: FileRecord): EntryRow {
  const free = state.entries.has(id) ? (file.id as string as EntryId) : id
  for (const place of placesFor(path, file.id)) {
    if (isBlocked(state, user, place)) continue
    return entryAt(state, user, place) ?? makeEntry(state, free, user, place, file.uploadedAt)
  }
  throw new PeerbinError('path-conflict')
}

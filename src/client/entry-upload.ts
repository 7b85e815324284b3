/** Uploads that become versions of users' files, in place of a share link. */

import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { CommitEntry, CommittedFile } from '../metadata-store.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import type { ControlMessages, RequestOf } from '../protocol/messages.ts'
import type { EntryId, FileId, UserId } from '../types.ts'
import type { ControllerClient } from './controller-client.ts'

/** Whose file it is, and where it goes. */
export interface EntryTerms {
  user: UserId
  /** As cleanPath of src/bundle/paths.ts leaves it. */
  path: string
  /** When the file is deleted by itself, counted from now; null: never; undefined: as it was, where there is one already. */
  ttlMs?: number | null | undefined
  /** The same as a time of the controller, in place of `ttlMs`. */
  expiresAt?: number | undefined
  /** Refused with `path-taken` where there is one already. */
  onlyNew?: boolean | undefined
  /** Refused with `version-conflict` unless this version counts (0: there is nothing), and is of this entry, if one is named. */
  base?: number | undefined
  baseEntry?: EntryId | undefined
  /** In place of those of the request. */
  metadata?: Record<string, string> | undefined
}

/** What an upload became. */
export interface StoredEntry {
  entry: EntryId
  version: number
  file: FileId
  sizeBytes: number
  /** How often the worst of its chunks had to be sent, where that is known. */
  attempts?: number
  /** Lower-case hex, where it was computed in this process. */
  sha256?: string
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export interface EntryLead {
  entry: CommitEntry
  manifest: ManifestEntry
}

/**
 * What a commit and a manifest say of a user's file. The manifest names the entry that is there now, and the number that comes next: if another upload is faster, they are wrong by
 * as much, and a recovery sorts it out.
 */
export async function leadToEntry(
  controller: ControllerClient,
  id: EntryId,
  terms: EntryTerms,
  { uploadedAt, attempts, signal }: { uploadedAt: number; attempts: number; signal: AbortSignal }
): Promise<EntryLead> {
  const { user, path, ttlMs, expiresAt: givenEnd, onlyNew, base, baseEntry, metadata } = terms
  const asked = { actor: { user, role: 'user' as const }, owner: user, path }
  const { entry: known, next } = await controller.call('findEntry', asked, { signal })
  const expiresAt = givenEnd ?? (typeof ttlMs === 'number' ? uploadedAt + ttlMs : ttlMs)
  return {
    entry: {
      id,
      user,
      path,
      attempts,
      ...(expiresAt !== undefined && { expiresAt }),
      ...(onlyNew !== undefined && { onlyNew }),
      ...(base !== undefined && { base }),
      ...(baseEntry !== undefined && { baseEntry }),
      ...(metadata !== undefined && { metadata })
    },
    manifest: {
      id: known?.id ?? id,
      user,
      path,
      version: next,
      expiresAt: expiresAt === undefined ? (known?.expiresAt ?? null) : expiresAt
    }
  }
}

/** commitUpload has seen to it that the controller understood. */
export function storedEntry({ id, sizeBytes, entry, version }: CommittedFile): StoredEntry {
  if (entry === undefined || version === undefined)
    throw new PeerbinError('internal', 'the commit made no version')
  return { entry, version, file: id, sizeBytes }
}

export type UploadFailure = NonNullable<RequestOf<ControlMessages, 'abandonUpload'>['failure']>

/**
 * What is recorded of an upload that failed; undefined where the sender is the reason: who sends a file with another checksum, or goes away, was told so and has nothing to be told of
 * later.
 */
export function failureOf(error: unknown): UploadFailure | undefined {
  const { code, status, details } = asPeerbinError(error)
  if (status < 500) return undefined
  return { code, attempts: typeof details['attempts'] === 'number' ? details['attempts'] : 1 }
}

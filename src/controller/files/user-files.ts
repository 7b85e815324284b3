/** Files of users, as one part of the controller: entries, versions, share links made of them, and what they take up. This file only puts the parts together. */

import type { Config } from '../../config.ts'
import type { Membership } from '../../cluster/membership.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { RequestOf, ResponseOf, UserFileMessages } from '../../protocol/messages.ts'
import type { FileChunks } from '../file-chunks.ts'
import type { ControllerPart } from '../part.ts'
import type { Repair } from '../repair/repair.ts'
import type { Snapshots } from '../snapshots/snapshots.ts'
import type { StoreTime } from '../store-time.ts'
import { Entries } from './entries.ts'
import { Folders } from './folders.ts'
import { Shares } from './shares.ts'
import { Versions } from './versions.ts'
import { createEntrySettler, createStatusSettler } from './workers.ts'

export type UserFileOp = keyof UserFileMessages
export type UserFiles = ControllerPart<UserFileOp>

export type Request<K extends UserFileOp> = RequestOf<UserFileMessages, K>
export type Response<K extends UserFileOp> = ResponseOf<UserFileMessages, K>

export interface UserFilesDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly membership: Membership
  readonly chunks: Pick<FileChunks, 'page'>
  readonly config: Config
  readonly repair: Pick<Repair, 'drainOf' | 'retired'>
  /** Has nodes take note of what must not be forgotten with this machine. */
  readonly notes: Pick<Snapshots, 'note'>
  /** Told when something ended before its time, so that it need not wait for the settler's round. */
  readonly onEnded: () => void
}

export function createUserFiles(deps: UserFilesDeps): UserFiles {
  const entries = new Entries(deps)
  const folders = new Folders(deps)
  const versions = new Versions(deps)
  const shares = new Shares(deps)
  return {
    workers: [createEntrySettler(deps), createStatusSettler(deps)],
    handlers: {
      getEntry: (message) => entries.get(message),
      findEntry: (message) => entries.find(message),
      listEntries: (message) => entries.list(message),
      listFolders: (message) => entries.folders(message),
      moveEntry: (message) => entries.move(message),
      moveFolder: (message, signal) => folders.move(message, signal),
      deleteFolder: (message) => folders.delete(message),
      changeEntry: (message) => entries.change(message),
      deleteEntry: (message) => entries.delete(message),
      spaceOf: (message) => entries.space(message),
      spaceOfAll: (message) => entries.spaceOfAll(message),
      listVersions: (message) => versions.list(message),
      restoreVersion: (message) => versions.restore(message),
      deleteVersion: (message) => versions.delete(message),
      pruneVersions: (message) => versions.prune(message),
      openContent: (message) => versions.open(message),
      shareEntry: (message) => shares.share(message),
      listShares: (message) => shares.list(message),
      revokeShare: (message) => shares.revoke(message)
    }
  }
}

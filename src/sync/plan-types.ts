/** What the planner of a synced folder compares and decides. */

import type { EntryId } from '../types.ts'
import type { RemoteFile } from './remote.ts'
import type { BaseFile } from './state.ts'

/** A local file whose content is known. */
export interface HashedFile {
  path: string
  stamp: string
  sizeBytes: number
  sha256: string
  modifiedAt: number
}

/** What is seen of both sides, and what they agreed on last. Paths are unique in each. */
export interface Trees {
  base: ReadonlyMap<EntryId, BaseFile>
  remote: ReadonlyMap<EntryId, RemoteFile>
  local: ReadonlyMap<string, HashedFile>
  /** Paths about which nothing may be decided: excluded, unreadable, below something that is. No local file is told at one. */
  isFrozen: (path: string) => boolean
}

/** Something to be remembered; nothing has to be done for it. */
export type Settlement =
  /** Both sides have the same at this path: it is the base now. */
  | { settle: 'agree'; file: RemoteFile; local: HashedFile }
  /** The file of this base is at another path by now, with what was done to it still to be compared. */
  | { settle: 'rebase'; base: BaseFile; path: string }
  /** Gone on both sides, or on one and kept on the other as something new. */
  | { settle: 'forget'; base: BaseFile }

/** Something to be done. Each says what it expects, and fails if that has changed meanwhile. */
export type Action =
  | { do: 'upload'; local: HashedFile; replaces: RemoteFile | undefined }
  | { do: 'download'; file: RemoteFile; replaces: HashedFile | undefined }
  | { do: 'move-local'; local: HashedFile; base: BaseFile; to: string }
  | { do: 'move-remote'; file: RemoteFile; base: BaseFile; to: string; local: HashedFile }
  | { do: 'remove-local'; local: HashedFile; base: BaseFile }
  | { do: 'remove-remote'; file: RemoteFile; base: BaseFile }
  /** Gives a local file the name of a conflicting copy. `part`: the beginning of its path whose last name changes. */
  | { do: 'set-aside'; local: HashedFile; part: string }

export type MoveRemote = Extract<Action, { do: 'move-remote' }>

export interface Plan {
  settlements: Settlement[]
  actions: Action[]
  /** What has to wait until other actions are done. */
  waiting: Action[]
  /** Empty local files that servers do not take. */
  empty: string[]
}

/** Files of users, as one part of the controller: entries, versions, share links made of them, and what they take up. */

import { PeerbinError } from '../../errors.ts'
import type { userFileMessages } from '../../protocol/messages/user-file-messages.ts'
import type { ControllerPart } from '../part.ts'

export type UserFileOp = keyof typeof userFileMessages
export type UserFiles = ControllerPart<UserFileOp>

const notYet = async (): Promise<never> => {
  throw new PeerbinError('busy')
}

export function createUserFiles(): UserFiles {
  return {
    workers: [],
    handlers: {
      getEntry: notYet,
      findEntry: notYet,
      listEntries: notYet,
      listFolders: notYet,
      listVersions: notYet,
      moveEntry: notYet,
      changeEntry: notYet,
      restoreVersion: notYet,
      deleteVersion: notYet,
      pruneVersions: notYet,
      deleteEntry: notYet,
      openContent: notYet,
      shareEntry: notYet,
      listShares: notYet,
      revokeShare: notYet,
      spaceOf: notYet
    }
  }
}

/**
 * Which role may send which message. A message that is not in the table is refused, and a test walks messages.ts against it.
 *
 * A role is what the sender says of itself when it opens a stream: every member holds the cluster secret, so this keeps honest
 * processes to their part and mistakes small. It does not defend against a member that lies; terms and verified hashes do that
 * where it matters.
 */

import type { Role } from '../types.ts'
import type { ChunkMessages, ControlMessages } from './messages.ts'

type Policy<T> = Readonly<Record<keyof T, readonly Role[]>>

export const chunkPolicy: Policy<ChunkMessages> = {
  put: ['edge', 'node'],
  get: ['edge', 'node', 'controller', 'admin'],
  has: ['edge', 'node', 'controller', 'admin'],
  delete: ['controller'],
  list: ['controller', 'admin'],
  copy: ['controller'],
  trim: ['controller'],
  raise: ['controller'],
  inventory: ['controller', 'admin'],
  setDraining: ['controller'],
  scrub: ['controller', 'admin'],
  putSnapshot: ['controller'],
  getSnapshot: ['controller'],
  listSnapshots: ['controller', 'admin'],
  dropSnapshots: ['controller'],
  recoveryInfo: ['controller', 'admin']
}

export const controlPolicy: Policy<ControlMessages> = {
  openUpload: ['edge'],
  reserveChunk: ['edge'],
  recordReceipts: ['edge', 'node'],
  commitUpload: ['edge'],
  abandonUpload: ['edge'],
  findUpload: ['edge'],
  resumeUpload: ['edge'],
  checkpointUpload: ['edge'],
  listUploadChunks: ['edge'],
  findLink: ['edge'],
  claimLink: ['edge'],
  checkPassword: ['edge'],
  findClaim: ['edge'],
  reportClaim: ['edge'],
  releaseClaim: ['edge'],
  revokeLink: ['edge'],
  findSentLink: ['edge'],
  listClaims: ['edge'],
  extendLink: ['edge'],
  listFileChunks: ['edge'],
  reportBadCopy: ['edge', 'node'],
  drainNode: ['admin'],
  retireNode: ['admin'],
  scrub: ['admin'],
  collector: ['admin'],
  listSuspended: ['admin'],
  resumeLinks: ['admin'],
  backup: ['admin'],
  status: ['edge', 'node', 'admin'],
  getEntry: ['edge'],
  findEntry: ['edge'],
  listEntries: ['edge'],
  listFolders: ['edge'],
  listVersions: ['edge'],
  moveEntry: ['edge'],
  changeEntry: ['edge'],
  restoreVersion: ['edge'],
  deleteVersion: ['edge'],
  pruneVersions: ['edge'],
  deleteEntry: ['edge'],
  openContent: ['edge'],
  shareEntry: ['edge'],
  listShares: ['edge'],
  revokeShare: ['edge'],
  spaceOf: ['edge'],
  accountState: ['edge', 'admin'],
  registerUser: ['edge'],
  createUser: ['edge', 'admin'],
  signInChallenge: ['edge'],
  signIn: ['edge'],
  findSessions: ['edge'],
  endSession: ['edge', 'admin'],
  endSessions: ['edge', 'admin'],
  listSessions: ['edge', 'admin'],
  createKey: ['edge'],
  signingKeys: ['edge'],
  getUser: ['edge', 'admin'],
  findUser: ['edge', 'admin'],
  listUsers: ['edge', 'admin'],
  changeUser: ['edge', 'admin'],
  changePassword: ['edge'],
  createInvite: ['edge', 'admin'],
  listInvites: ['edge', 'admin'],
  deleteInvite: ['edge', 'admin'],
  createAdmin: ['admin'],
  resetPassword: ['admin'],
  recordHistory: ['edge'],
  listHistory: ['edge', 'admin'],
  followHistory: ['edge']
}

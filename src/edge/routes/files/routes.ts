/** Every route of users' files, but the one of tus: that is the same for everybody. */

import type { Route } from '../../context.ts'
import { getFileChunks } from './chunks.ts'
import { deleteFolder, moveFolder } from './folders.ts'
import { downloadFile } from './download.ts'
import { listFiles } from './list.ts'
import { deleteFile, findFile, getFile, patchFile } from './one-file.ts'
import { deleteShare, listShares, shareFile } from './shares.ts'
import { uploadFile } from './upload.ts'
import { deleteVersion, listVersions, pruneVersions, restoreVersion } from './versions.ts'

export const fileRoutes: readonly Route[] = [
  uploadFile,
  listFiles,
  findFile,
  getFile,
  patchFile,
  deleteFile,
  moveFolder,
  deleteFolder,
  downloadFile,
  listVersions,
  restoreVersion,
  deleteVersion,
  pruneVersions,
  shareFile,
  listShares,
  deleteShare,
  getFileChunks
]

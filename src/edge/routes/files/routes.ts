/** Every route of users' files, but the one of tus: that is the same for everybody. */

import type { Route } from '../../context.ts'
import { getFileChunks } from './chunks.ts'
import { downloadFile } from './download.ts'
import { listFiles } from './list.ts'
import { deleteFile, getFile, patchFile } from './one-file.ts'
import { deleteShare, listShares, shareFile } from './shares.ts'
import { uploadFile } from './upload.ts'
import { deleteVersion, listVersions, pruneVersions, restoreVersion } from './versions.ts'

export const fileRoutes: readonly Route[] = [
  uploadFile,
  listFiles,
  getFile,
  patchFile,
  deleteFile,
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

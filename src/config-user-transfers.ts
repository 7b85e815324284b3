/** What one user may transfer through one edge: part of the settings of accounts. What files of theirs may take up together is a quota, counted by the controller. */

import { GIB, bytes, num } from './config-kinds.ts'

export const userTransfers = {
  adminUploadBytesMax: bytes(0, 'largest file of an administrator; 0: any'),
  uploadsPerHour: num(0, 1e9, 36_000, 'uploads of one user in an hour, per edge; 0: any'),
  dailyBytesMax: bytes(1024 * GIB, 'uploaded by one user in a day, per edge; 0: any'),
  uploadsAtOnce: num(1, 1_000_000, 256, 'uploads of one user at once, on one edge'),
  downloadsAtOnce: num(1, 1_000_000, 256, 'downloads of one user at once, on one edge')
}

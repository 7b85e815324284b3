/** Last part of `npm run build`: what the compiler leaves behind. Files that are no TypeScript are read at run time, from beside the code. */

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
/** Folders of files that are read at run time. */
const FOLDERS = ['web/dist']

for (const folder of FOLDERS) {
  const target = join(root, 'dist', folder)
  await rm(target, { recursive: true, force: true })
  await cp(join(root, folder), target, { recursive: true })
}

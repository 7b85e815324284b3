/** Where the files of a bundle are saved: below its folder, under names that this machine can have. */

import type { BundleIndex } from '../../bundle/index.ts'
import { PathSet } from '../../bundle/paths.ts'
import { safePart } from './file-name.ts'

/** A path for each entry, with `/`, all different; the same for the same index. Names that begin with a dot keep it: they are inside a folder of their own. */
export function localPaths({ entries }: BundleIndex): string[] {
  const paths = new PathSet()
  return entries.map(({ path }) => paths.addClean(path.split('/').map(safePart).join('/')))
}

/** Which paths of a synced folder are left alone. */

import { matchesGlob } from 'node:path'
import { foldersOf } from '../../bundle/paths.ts'

/** What systems and programs put into folders for themselves. */
export const ALWAYS_EXCLUDED = ['.DS_Store', 'Thumbs.db', 'desktop.ini', '*.peerbin-part*'] as const

/**
 * Whether one of the patterns fits a path or a folder above it. One without `/` is for names anywhere (`node_modules`, `*.tmp`), one with `/` for paths from the synced folder on
 * (`build/*.o`, `work/**`); a `/` at the end changes nothing.
 */
export function excludedBy(patterns: readonly string[]): (path: string) => boolean {
  const all = [...ALWAYS_EXCLUDED, ...patterns].map((pattern) =>
    pattern.replace(/^\/(?=[^/]*$)/, './').replace(/\/+$/, '')
  )
  const names = all.filter((pattern) => !pattern.includes('/'))
  const paths = all.filter((pattern) => pattern.includes('/')).map((pattern) => pattern.replace(/^\.?\//, ''))
  const fits = (path: string): boolean =>
    names.some((pattern) => matchesGlob(path.slice(path.lastIndexOf('/') + 1), pattern)) ||
    paths.some((pattern) => matchesGlob(path, pattern))
  const known = new Map<string, boolean>()
  const fitsFolder = (folder: string): boolean => {
    const before = known.get(folder)
    if (before !== undefined) return before
    if (known.size > FOLDERS_KNOWN_MAX) known.clear()
    const is = fits(folder)
    known.set(folder, is)
    return is
  }
  return (path) => {
    for (const folder of foldersOf(path)) if (fitsFolder(folder)) return true
    return fits(path)
  }
}

const FOLDERS_KNOWN_MAX = 10_000

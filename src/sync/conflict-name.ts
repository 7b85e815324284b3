/** Names of copies that are kept beside a file when two people changed it. */

import { cleanPart, cleanPath, foldPath, withSuffix } from '../bundle/paths.ts'
import { cutBytes } from '../bundle/name-text.ts'

const HOST_BYTES_MAX = 40

/** End of a name that a file has for a moment, so that others get theirs. */
export const MOVING = /\.moving-\d+$/

/** `NAME (conflict of HOST 2026-11-22 12.30.05).EXT`, or with `… 12.30.05 2)`; the time is UTC. */
export function conflictPart(part: string, host: string, at: number, number: number): string {
  const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.')
  const name = cleanPart(cutBytes(cleanPart(host), HOST_BYTES_MAX)) || 'unknown'
  return withSuffix(
    part.replace(MOVING, ''),
    ` (conflict of ${name} ${time}${number === 1 ? '' : ` ${number}`})`
  )
}

/**
 * Another path for a local file, at which nothing is.
 * @param part beginning of `path` (or all of it) whose last name is the one that changes: files of a folder that has to make room go together
 * @param isFree whether a file can be at a path; case does not count
 */
export function conflictPath(
  path: string,
  part: string,
  naming: { host: string; at: number; isFree: (folded: string) => boolean }
): string {
  const from = part.lastIndexOf('/') + 1
  for (let number = 1; ; number++) {
    const name = conflictPart(part.slice(from), naming.host, naming.at, number)
    const free = cleanPath(part.slice(0, from) + name + path.slice(part.length))
    if (naming.isFree(foldPath(free))) return free
  }
}

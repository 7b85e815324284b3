/**
 * Puts files where they belong and takes them away, so that what somebody else did in the same moment is never overwritten. The steps of one change follow each other without
 * giving way, which leaves a few microseconds between the look and the act; what cannot be undone is checked once more behind it.
 */

import { linkSync, lstatSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { PeerbinError } from '../../errors.ts'
import { foldPath } from '../../bundle/paths.ts'
import { contentStampOf, stampOf } from './file-stamp.ts'
import { errnoOf } from './file-problems.ts'
import { statsAt } from './folder-paths.ts'

const changed = (): PeerbinError => new PeerbinError('local-changed')

/** File systems without second names (FAT, some network drives). */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'])

/** Gives a file a name that nothing has, and takes its old one. @throws local-changed when something has it */
export function moveToFree(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST' && isOther(from, to)) {
      if (!removeEmptyFolder(to)) throw changed()
      linkSync(from, to)
    } else if (errno === 'EEXIST' || NO_LINKS.has(errno)) {
      // the same file under a name in another case, or no second names here
      if (errno !== 'EEXIST' && statsAt(to) !== undefined) throw changed()
      renameSync(from, to)
      return
    } else throw error
  }
  unlinkSync(from)
}

const isOther = (from: string, to: string): boolean => {
  const [one, other] = [statsAt(from), statsAt(to)]
  return foldPath(from) !== foldPath(to) || one?.ino !== other?.ino
}

/** A folder with nothing in it is no reason that a file cannot be there. */
function removeEmptyFolder(place: string): boolean {
  try {
    rmdirSync(place)
    return true
  } catch {
    return false
  }
}

/**
 * Replaces the file that has this stamp, in one step. The old one keeps a second name (`aside`) until it is certain that nobody wrote to it in between.
 * @throws local-changed, and the file is as somebody left it
 */
export function replaceFile(from: string, to: string, stamp: string, aside: string): void {
  const before = statsAt(to)
  if (before === undefined || !before.isFile() || stampOf(before) !== stamp) throw changed()
  const isKept = keepAside(to, aside)
  renameSync(from, to)
  if (!isKept) return
  if (contentStampOf(lstatSync(aside, { bigint: true })) === contentStampOf(before)) {
    unlinkSync(aside)
    return
  }
  renameSync(aside, to)
  throw changed()
}

function keepAside(place: string, aside: string): boolean {
  try {
    linkSync(place, aside)
    return true
  } catch (error) {
    if (NO_LINKS.has(errnoOf(error))) return false
    throw error
  }
}

/** Removes the file that has this stamp: out of the way first, then looked at, then gone. @throws local-changed, and the file is as somebody left it */
export function removeFile(place: string, stamp: string, aside: string): void {
  const before = statsAt(place)
  if (before === undefined || !before.isFile() || stampOf(before) !== stamp) throw changed()
  renameSync(place, aside)
  if (contentStampOf(lstatSync(aside, { bigint: true })) === contentStampOf(before)) {
    unlinkSync(aside)
    return
  }
  moveToFree(aside, place)
  throw changed()
}

/** Paths inside a bundle: from outside, in both directions, and never trusted. A path that passes is safe to show, to put into an archive, and to make under a folder on any system. */

import { INVISIBLE, cutBytes, trimEnds, utf8Length } from './name-text.ts'

export const PATH_BYTES_MAX = 1024
export const PART_BYTES_MAX = 255
/** Folders above a file, and itself. Each costs whoever reads an index something, and 4 MiB of them would stop a server for seconds. */
export const PARTS_MAX = 64
/** An extension longer than this is cut with the rest of a name. */
const EXTENSION_LENGTH_MAX = 32

/** Whether two names are one file where case does not count (Windows, macOS). */
export const foldPath = (path: string): string => path.normalize('NFC').toLowerCase().normalize('NFC')

/** `name` and `.ext` of `name.ext`. */
function splitExtension(part: string): [string, string] {
  const dot = part.lastIndexOf('.')
  return dot > 0 && part.length - dot <= EXTENSION_LENGTH_MAX
    ? [part.slice(0, dot), part.slice(dot)]
    : [part, '']
}

/** Puts `suffix` before the extension, and cuts what does not fit. */
export function withSuffix(part: string, suffix: string): string {
  const [stem, extension] = splitExtension(part)
  return cutBytes(stem, PART_BYTES_MAX - utf8Length(suffix + extension)) + suffix + extension
}

/** ASCII that shows, and blanks, without `/` and `\`: most names, of which an index has thousands. */
const PLAIN = /^[ -.0-[\]-~]*$/

/** One name without folders; empty when nothing of it can be used. Idempotent. */
export function cleanPart(text: string): string {
  if (text.length <= PART_BYTES_MAX && PLAIN.test(text)) return trimEnds(text)
  // in this order: removing characters can bring others together that are one when composed
  const name = trimEnds(text.toWellFormed().replace(/[/\\]/g, '').replace(INVISIBLE, '').normalize('NFC'))
  return utf8Length(name) <= PART_BYTES_MAX ? name : trimEnds(withSuffix(name, ''))
}

/** `a/b/c.txt` without roots, drives, `.` and `..`; `file` when nothing is left. What is too long loses its upper folders. Idempotent. */
export function cleanPath(text: string): string {
  const parts = text
    .replace(/^[A-Za-z]:(?=[/\\])/, '')
    .split(/[/\\]/)
    .map(cleanPart)
    .filter((part) => part !== '')
  return parts.length === 0 ? 'file' : lowest(parts).join('/')
}

/** The last parts, as many as a path may have and hold; one at least. */
function lowest(parts: readonly string[]): readonly string[] {
  if (parts.length <= PARTS_MAX && utf8Length(parts.join('/')) <= PATH_BYTES_MAX) return parts
  let size = 0
  let first = parts.length
  for (; first > 0 && parts.length - first < PARTS_MAX; first--) {
    size += utf8Length(parts[first - 1] ?? '')
    if (size > PATH_BYTES_MAX && first < parts.length) break
    size += 1 // what divides it from the one above
  }
  return parts.slice(first)
}

/** Whether a path is as cleanPath leaves it. What is too long is not looked at any closer. */
export const isCleanPath = (path: string): boolean =>
  path !== '' && path.length <= PATH_BYTES_MAX && cleanPath(path) === path

/** Whether a name is as cleanPart leaves it. */
export const isCleanPart = (part: string): boolean =>
  part !== '' && part.length <= PART_BYTES_MAX && cleanPart(part) === part

/** Folders above a path, the nearest first: `a/b` and `a` of `a/b/c`. */
export function* foldersOf(path: string): Generator<string> {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) yield path.slice(0, at)
}

/** Tells whether paths can stand beside each other: all different where case does not count, and no file where another one needs a folder. */
export class PathSet {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()
  /** Numbers that are taken of a name, so that thousands of the same are not tried from the first on each time. */
  readonly #numbers = new Map<string, number>()

  /** Takes a path in; false, and nothing changed, when it cannot stand beside the others. */
  add(path: string): boolean {
    const folded = foldPath(path)
    if (this.#files.has(folded) || this.#folders.has(folded)) return false
    const folders: string[] = []
    for (const folder of foldersOf(folded)) {
      // above one that is known, all are
      if (this.#folders.has(folder)) break
      if (this.#files.has(folder)) return false
      folders.push(folder)
    }
    this.#files.add(folded)
    for (const folder of folders) this.#folders.add(folder)
    return true
  }

  /** Cleans a path and takes it in, as `name (2).txt` where it is taken. */
  addClean(text: string): string {
    const path = cleanPath(text)
    if (this.add(path)) return path
    const at = path.lastIndexOf('/') + 1
    const folder = path.slice(0, at)
    const name = path.slice(at)
    const isBlocked = [...foldersOf(foldPath(path))].some((above) => this.#files.has(above))
    // a folder above is a file: then the file moves up to where it can stand
    const place = isBlocked ? '' : folder
    const numbered = (number: number): string =>
      cleanPath(place + (number === 1 ? name : withSuffix(name, ` (${number})`)))
    const series = foldPath(numbered(2))
    for (let number = this.#numbers.get(series) ?? (isBlocked ? 1 : 2); ; number++) {
      const next = numbered(number)
      if (!this.add(next)) continue
      this.#numbers.set(series, number + 1)
      return next
    }
  }
}

/** Paths inside a bundle: from outside, in both directions, and never trusted. A path that passes is safe to show, to put into an archive, and to make under a folder on any system. */

export const PATH_BYTES_MAX = 1024
export const PART_BYTES_MAX = 255
/** An extension longer than this is cut with the rest of a name. */
const EXTENSION_LENGTH_MAX = 32

/** What does not show, or changes the order in which a name is shown: the same as edge/http/names.ts removes. */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu

const encoder = new TextEncoder()
export const utf8Length = (text: string): number => encoder.encode(text).byteLength

/** Whether two names are one file where case does not count (Windows, macOS). */
export const foldPath = (path: string): string => path.normalize('NFC').toLowerCase().normalize('NFC')

/** The longest beginning of at most `limit` bytes in UTF-8 that cuts no character. */
function cut(text: string, limit: number): string {
  let kept = ''
  let size = 0
  for (const character of text) {
    size += utf8Length(character)
    if (size > limit) break
    kept += character
  }
  return kept
}

const trimEnds = (text: string): string => text.replace(/^\s+/u, '').replace(/[\s.]+$/u, '')

/** `name` and `.ext` of `name.ext`. */
function splitExtension(part: string): [string, string] {
  const dot = part.lastIndexOf('.')
  return dot > 0 && part.length - dot <= EXTENSION_LENGTH_MAX
    ? [part.slice(0, dot), part.slice(dot)]
    : [part, '']
}

/** Puts `suffix` before the extension, and cuts what does not fit. */
function withSuffix(part: string, suffix: string): string {
  const [stem, extension] = splitExtension(part)
  return cut(stem, PART_BYTES_MAX - utf8Length(suffix + extension)) + suffix + extension
}

/** One name without folders; empty when nothing of it can be used. Idempotent. */
export function cleanPart(text: string): string {
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
  while (parts.length > 1 && utf8Length(parts.join('/')) > PATH_BYTES_MAX) parts.shift()
  return parts.length === 0 ? 'file' : parts.join('/')
}

/** Whether a path is as cleanPath leaves it. */
export const isCleanPath = (path: string): boolean => path !== '' && cleanPath(path) === path

/** Folders above a path: `a` and `a/b` of `a/b/c`. */
function* foldersOf(path: string): Generator<string> {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) yield path.slice(0, at)
}

/** Tells whether paths can stand beside each other: all different where case does not count, and no file where another one needs a folder. */
export class PathSet {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()

  /** Takes a path in; false, and nothing changed, when it cannot stand beside the others. */
  add(path: string): boolean {
    const folded = foldPath(path)
    const folders = [...foldersOf(folded)]
    if (this.#files.has(folded) || this.#folders.has(folded)) return false
    if (folders.some((folder) => this.#files.has(folder))) return false
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
    for (let number = isBlocked ? 1 : 2; ; number++) {
      const next = cleanPath(place + (number === 1 ? name : withSuffix(name, ` (${number})`)))
      if (this.add(next)) return next
    }
  }
}

/** File names from outside: what is left of them is safe to show, to store, to send in a header and to save on every system. */

import { NAME_BYTES_MAX } from '../../protocol/limits.ts'

/** The name of a file whose sender gave none that can be used. */
export const NAMELESS = 'file'

/** An extension longer than this is not one, and is cut with the rest. */
const EXTENSION_BYTES_MAX = 32

/**
 * Characters that are invisible and change what a name seems to be: controls (C0, DEL, C1, with NUL, CR and LF), line separators, direction
 * marks (`exe.gpj` shown as `jpg.exe`), byte order marks, interlinear notes. The joiner U+200D stays: emoji are made with it.
 */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu

const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8')

/** The longest beginning of `text` of at most `limitBytes` in UTF-8 that does not cut a character. */
function cutBytes(text: string, limitBytes: number): string {
  if (utf8Bytes(text) <= limitBytes) return text
  let kept = ''
  let size = 0
  for (const character of text) {
    size += utf8Bytes(character)
    if (size > limitBytes) break
    kept += character
  }
  return kept
}

/** Spaces around a name and dots after it: Windows drops them, and `.` and `..` are no files. */
function trimEnds(text: string): string {
  let end = text.length
  // a pattern would take the square of the time for a name of blanks and dots
  while (end > 0 && (text[end - 1] === '.' || text[end - 1]?.trim() === '')) end--
  return text.slice(0, end).trimStart()
}

/** Keeps the extension when the name is too long: it says what to open the file with. */
function shorten(name: string): string {
  if (utf8Bytes(name) <= NAME_BYTES_MAX) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot) : ''
  if (extension === '' || utf8Bytes(extension) > EXTENSION_BYTES_MAX)
    return trimEnds(cutBytes(name, NAME_BYTES_MAX))
  return trimEnds(cutBytes(name.slice(0, dot), NAME_BYTES_MAX - utf8Bytes(extension))) + extension
}

/** A name of 1 to NAME_BYTES_MAX bytes without folders, controls or direction marks; NAMELESS when nothing is left. Idempotent. */
export function cleanName(text: string): string {
  const last = text.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  // in this order: removing characters can bring others together that are one when composed
  const name = shorten(trimEnds(last.replace(INVISIBLE, '').normalize('NFC')))
  return name === '' ? NAMELESS : name
}

/** What a multipart form says a file is called: browsers write these three, and only these three, as percent codes (WHATWG HTML, form encoding). */
export const formText = (text: string): string =>
  text.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n')

/** A file name of a multipart form. */
export const formName = (text: string): string => cleanName(formText(text))

/** `type/subtype` in lower case, without parameters. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

/** A media type from outside, or the general one when it is none. */
export function cleanMediaType(text: string | undefined): string {
  const type = (text ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  return MEDIA_TYPE.test(type) ? type : 'application/octet-stream'
}

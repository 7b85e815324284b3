/** File names from outside: what is left of them is safe to show, to store, to send in a header and to save on every system. */

import { INVISIBLE, cutBytes, trimEnds, utf8Length } from '../../bundle/name-text.ts'
import { NAME_BYTES_MAX } from '../../protocol/limits.ts'

/** The name of a file whose sender gave none that can be used. */
export const NAMELESS = 'file'

/** An extension longer than this is not one, and is cut with the rest. */
const EXTENSION_BYTES_MAX = 32

/** Keeps the extension when the name is too long: it says what to open the file with. */
function shorten(name: string): string {
  if (utf8Length(name) <= NAME_BYTES_MAX) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot) : ''
  if (extension === '' || utf8Length(extension) > EXTENSION_BYTES_MAX)
    return trimEnds(cutBytes(name, NAME_BYTES_MAX))
  return trimEnds(cutBytes(name.slice(0, dot), NAME_BYTES_MAX - utf8Length(extension))) + extension
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

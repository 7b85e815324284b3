/** Names of files to save, from what a server says. The server is not trusted: a name must not leave the folder, hide, or be a device. */

import { INVISIBLE, withoutEnd } from '../../bundle/name-text.ts'

/** What file systems take, less what a part file's suffix needs. */
const NAME_BYTES_MAX = 230
const NAMELESS = 'download'

/** Not allowed by Windows; some of them mean something to shells. */
const UNSAFE = /[<>:"|?*]/g
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

/** Of a file that is saved where others are: it does not begin with a dot. */
export const safeFileName = (text: string): string => {
  const last = text.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  return safePart(last.replace(INVISIBLE, '').replace(/^[\s.]+/u, ''))
}

/** One part of a path inside a folder that was made for it. */
export function safePart(text: string): string {
  const clean = text
    .toWellFormed()
    .replace(/[/\\]/g, '')
    .replace(INVISIBLE, '')
    .replace(UNSAFE, '_')
    .trimStart()
  const name = cut(withoutEnd(clean))
  if (name === '') return NAMELESS
  return WINDOWS_DEVICE.test(name) ? `_${name}` : name
}

function cut(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : ''
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept + character + extension) > NAME_BYTES_MAX) break
    kept += character
  }
  return kept + extension
}

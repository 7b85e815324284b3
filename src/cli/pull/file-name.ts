/** Names of files to save, from what a server says. The server is not trusted: a name must not leave the folder, hide, or be a device. */

/** What file systems take, less what a part file's suffix needs. */
const NAME_BYTES_MAX = 230
const NAMELESS = 'download'

/** Controls, and the marks that change the order in which a name is shown. */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/gu
/** Not allowed by Windows; some of them mean something to shells. */
const UNSAFE = /[<>:"|?*]/g
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

export function safeFileName(text: string): string {
  const last = text.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  const clean = last
    .replace(INVISIBLE, '')
    .replace(UNSAFE, '_')
    .replace(/^[\s.]+/u, '')
    .replace(/[\s.]+$/u, '')
  const name = cut(clean)
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

/** The file name of a Content-Disposition header (RFC 6266): `filename*` before `filename`. Not cleaned yet. */
export function dispositionName(header: string | undefined): string {
  const extended = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header ?? '')?.[1]
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended)
    } catch {
      // not percent-encoded UTF-8: the plain form is left
    }
  }
  const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header ?? '')
  return plain?.[1]?.replace(/\\(.)/g, '$1') ?? plain?.[2] ?? ''
}

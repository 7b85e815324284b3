/** What cleaning a name from outside is made of, wherever names come from: uploads, indexes of bundles, servers. */

/**
 * Characters that are invisible and change what a name seems to be: controls (C0, DEL, C1, with NUL, CR and LF), line separators, direction
 * marks (`exe.gpj` shown as `jpg.exe`), byte order marks, interlinear notes. The joiner U+200D stays: emoji are made with it.
 */
export const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu

const encoder = new TextEncoder()
export const utf8Length = (text: string): number => encoder.encode(text).byteLength

/** The longest beginning of at most `limitBytes` in UTF-8 that cuts no character. */
export function cutBytes(text: string, limitBytes: number): string {
  let kept = ''
  let size = 0
  for (const character of text) {
    size += utf8Length(character)
    if (size > limitBytes) break
    kept += character
  }
  return kept
}

/** Without blanks and dots at the end: Windows drops them. By hand: a pattern takes the square of the time for a text of them, and texts come from outside. */
export function withoutEnd(text: string): string {
  let end = text.length
  while (end > 0 && (text[end - 1] === '.' || text[end - 1]?.trim() === '')) end--
  return text.slice(0, end)
}

/** Without blanks around a name, and dots behind it. */
export const trimEnds = (text: string): string => withoutEnd(text).trimStart()

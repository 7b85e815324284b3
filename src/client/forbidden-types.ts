/** Files that are not taken: by the media type the sender gives, and by the end of the name, since the sender chooses both. */

/**
 * @param patterns `edge.forbiddenTypes`: media types (`video/mp4`, `video/*`), and extensions with their dot (`.exe`, `.tar.gz`)
 * @param file clean name and media type
 */
export function isForbidden(
  patterns: readonly string[],
  { name, mediaType }: { readonly name: string; readonly mediaType: string }
): boolean {
  return patterns.some((pattern) => {
    const wanted = pattern.trim().toLowerCase()
    return wanted.startsWith('.') ? name.toLowerCase().endsWith(wanted) : typeMatches(wanted, mediaType)
  })
}

/** Whether a pattern of `edge.forbiddenTypes` (`video/mp4`, `video/*`) covers a clean media type. */
export function typeMatches(pattern: string, mediaType: string): boolean {
  const wanted = pattern.trim().toLowerCase()
  return wanted.endsWith('/*') ? mediaType.startsWith(wanted.slice(0, -1)) : mediaType === wanted
}

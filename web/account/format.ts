/** Times as the reader has them. */

const options = {
  day: { dateStyle: 'medium' },
  minute: { dateStyle: 'medium', timeStyle: 'short' },
  second: { dateStyle: 'medium', timeStyle: 'medium' }
} as const

/** @param iso ISO 8601; anything else is shown as it is */
export function timeWords(iso: string, precision: keyof typeof options = 'minute'): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime())
    ? iso
    : date.toLocaleString(document.documentElement.lang, options[precision])
}

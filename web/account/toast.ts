/** A word about what was done, for eyes and ears: where the page has its place for it, or the dialog that is open. */

const SHOWN_MS = 5000

let timer: ReturnType<typeof setTimeout> | undefined

export function tell(text: string): void {
  const place =
    document.querySelector('dialog[open] [data-toast]') ?? document.querySelector('body > [data-toast]')
  for (const other of document.querySelectorAll('[data-toast]')) other.textContent = ''
  clearTimeout(timer)
  if (place === null) return
  place.textContent = text
  timer = setTimeout(() => (place.textContent = ''), SHOWN_MS)
}

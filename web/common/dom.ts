/** Small things that every script of a page needs. */

/** Says something to screen readers, and to eyes where the page has a place for it. */
export function announce(near: Element, text: string): void {
  const place = near.closest('.card')?.querySelector('[data-announce]')
  if (place instanceof HTMLElement) place.textContent = text
}

/** Assigned only when it is another text, so that screen readers hear of changes alone. */
export function say(element: Element | null, text: string): void {
  if (element !== null && element.textContent !== text) element.textContent = text
}

/** Selects a field's text, so that the keyboard can copy it. */
function select(field: HTMLInputElement): void {
  field.focus()
  field.select()
}

/** The clipboard needs a secure context; elsewhere the old way still works in most browsers. A refusal leaves the text selected. */
export async function copyText(field: HTMLInputElement): Promise<boolean> {
  try {
    if (window.isSecureContext) {
      await navigator.clipboard.writeText(field.value)
      return true
    }
    select(field)
    return document.execCommand('copy')
  } catch {
    select(field)
    return false
  }
}

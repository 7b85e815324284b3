/** HTML by template literal: what is inserted is escaped unless it is HTML already. */

/** Text that may stand in a page as it is. Made by `html` only. */
export class Html {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')

/** What may be inserted: text and numbers (escaped), HTML, lists of them, and nothing (false, undefined). */
export type Insertable = string | number | Html | false | undefined | readonly Insertable[]

function render(value: Insertable): string {
  if (value === false || value === undefined) return ''
  if (value instanceof Html) return value.toString()
  if (typeof value === 'object') return value.map(render).join('')
  return escapeHtml(String(value))
}

/** Attributes must be quoted in the template: escaping relies on it. */
export function html(strings: TemplateStringsArray, ...values: Insertable[]): Html {
  return new Html(strings.reduce((text, part, i) => text + render(values[i - 1]) + part))
}

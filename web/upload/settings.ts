/** What the server says about uploads, as an attribute of the page. */

export interface Settings {
  /** Of the content of one upload. */
  readonly maxBytes: number
  readonly passwordBytesMax: number
  readonly downloads: readonly Choice[]
  readonly lifetimes: readonly Choice[]
}

export interface Choice {
  /** Downloads, or seconds. */
  readonly value: number
  readonly label: string
  /** The one that is set at first. */
  readonly isDefault: boolean
}

/** Written by src/edge/pages/upload-page.ts of the same build, so its shape is known. */
export const readSettings = (root: HTMLElement): Settings =>
  JSON.parse(root.dataset['settings'] ?? '{}') as Settings

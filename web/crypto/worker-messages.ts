/** What the page and its worker say to each other. */

export type Bytes = Uint8Array<ArrayBuffer>

export type Question =
  | { readonly what: 'hkdf'; readonly secret: Bytes; readonly info: string; readonly lengthBytes: number }
  | { readonly what: 'key'; readonly raw: Bytes }
  | { readonly what: 'sha256'; readonly bytes: Bytes }
  /** `key` is what the answer to its question said. */
  | { readonly what: 'seal' | 'open'; readonly key: number; readonly nonce: Bytes; readonly bytes: Bytes }

export interface Answer {
  readonly id: number
  readonly result?: Bytes | number
  /** Why there is none. */
  readonly problem?: string
}

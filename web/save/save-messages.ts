/** What the page and its service worker say to each other. */

/** A download that the browser will ask for at this path. */
export interface Offer {
  readonly path: string
  readonly name: string
  readonly sizeBytes: number
}

/** `pull`: one piece can be taken. */
export type FromWorker = 'ready' | 'pull' | 'cancelled'

/** A piece, or how it ended. */
export type ToWorker = Uint8Array | 'close' | 'abort'

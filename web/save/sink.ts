/** Where a download goes. */

/** Takes bytes in order. What was written counts for nothing until `close`. */
export interface Sink {
  /** Resolves when more can be taken. Rejects when nobody takes it any more. @param bytes are given away */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** All of it was verified. */
  close(): Promise<void>
  /** It will never be whole: nothing of it is to look as if it was. */
  abort(): Promise<void>
}

/** The receiver gave the download up, in the browser's list of downloads for example. */
export class ReceiverGone extends Error {}

/** What waits to be sent to a pool, and what of it is told: the seam between the queue's sender and the disk. */

/** A file that waits. Its bytes are the queue's own copy. */
export interface QueuedFile {
  readonly id: number
  readonly name: string
  /** ms since the epoch. */
  readonly at: number
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  readonly mediaType: string
  readonly metadata: Readonly<Record<string, string>>
  readonly queuedAt: number
  /** It is not sent before; 0: at once. */
  readonly notBefore: number
  /** Why it was set aside; null: it waits. */
  readonly refused: { readonly code: string; readonly text: string } | null
}

export type NewFile = Pick<QueuedFile, 'name' | 'at' | 'mediaType' | 'metadata'> & {
  /** Of a file on this machine that is looked at again and again: path and stamp, so that it is queued once. */
  readonly origin?: { readonly path: string; readonly stamp: string } | undefined
}

/** A batch that was begun: its files, in the order in which they are announced, stay as they are until it has ended. */
export interface QueuedBatch {
  readonly id: string
  readonly files: readonly QueuedFile[]
}

export interface BatchLimits {
  readonly filesMax: number
  readonly bytesMax: number
}

export interface QueueSummary {
  /** That wait, and the bytes of those. */
  readonly files: number
  readonly bytes: number
  readonly refused: number
  /** Sent in all, since the queue was made. */
  readonly sent: number
}

export interface Refusal {
  readonly code: string
  readonly text: string
}

/**
 * Every change is durable when the call returns, and is one transaction. What has been taken in is there until the sender has said `sent`, or somebody has dropped it.
 */
export interface QueueStore {
  /**
   * The batch that was begun and has not ended; otherwise a new one of files that wait, the oldest timestamps first, whose id and files are written down before this returns.
   * Undefined: nothing waits.
   */
  nextBatch(limits: BatchLimits, newId: () => string, now: number): QueuedBatch | undefined
  /** Acknowledged: its files, and their bytes, go. */
  sent(batch: string): Promise<void>
  /** The batch is not the one to be sent any more; its files wait for the next. */
  dissolve(batch: string): void
  /** Sets files aside, or (`notBefore`) back, and dissolves the batch, in one step. */
  refuse(batch: string, files: readonly number[], why: Refusal | { notBefore: number }): void
  /** Bytes of a file, of which the length is known. @throws `local-file` where they are gone */
  bytes(file: QueuedFile): Promise<Blob>
  /** Whether the bytes are still those that were taken in. */
  verify(file: QueuedFile): Promise<boolean>
  summary(): QueueSummary
  /** When the first of those that are held back may go; null: there are none. */
  nextAt(): number | null
}

/** What of a download is on disk. */

import { PartFile } from './part-file.ts'
import { PartFolder } from './part-folder.ts'
import type { PartState } from './part-state.ts'

export interface Part {
  /** What it becomes. */
  readonly target: string
  readonly state: PartState
  /** Bytes of the payload that are there, from its start. */
  readonly position: number
  /** Everything before is known to be right. */
  readonly goodTo: number
  /** @throws `checksum-mismatch` with the last byte of what does not match; `protocol-violation` for more bytes than there are */
  append(bytes: Uint8Array): Promise<void>
  /** Drops what came behind `goodTo`; the claim is kept. */
  rewind(): Promise<void>
  /** Gives it its name, once all of it is there. Never in place of a file that is there, unless `force`. @throws `local-file` */
  finish(force: boolean): Promise<void>
  /** Leaves it for a later run. */
  close(): Promise<void>
  /** Leaves nothing behind. */
  discard(): Promise<void>
}

/** Begins a download: its state is durable when it resolves. @throws `local-file` */
export const beginPart = (target: string, state: PartState): Promise<Part> =>
  state.shape === 'folder' ? PartFolder.begin(target, state) : PartFile.begin(target, state)

/** Goes on with one that was begun: what is there is read once, and what does not match is dropped. @throws `local-file` */
export const resumePart = (target: string, state: PartState): Promise<Part> =>
  state.shape === 'folder' ? PartFolder.resume(target, state) : PartFile.resume(target, state)
